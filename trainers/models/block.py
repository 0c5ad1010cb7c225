"""One block of the network, conv3x3 - batch norm - max-pool - leaky ReLU, and its derivatives, written out.

Shapes: T tasks, N images of each, F filters, C channels in, H W image in, h w image out. The tasks lie side by side as
groups of channels: the kernel is [T*F, C, 3, 3] and x [N, T*C, H, W], or [T*C, N, H, W] with `Products`.

A `BlockPass` is made by going forward; then, in this order and each at most once: `gradient`, the reverse sweep of the
loss; `tangent`, how the block's output moves when the weights move along a direction; `tangent_gradient`, how
`gradient`'s results move. The last two together are Pearlmutter's product of a Hessian with a vector ("Fast exact
multiplication by the Hessian", 1994), without forming either: what a second-order meta-gradient needs, at twice the
cost of a gradient.

With xh = (z - mean) / sd the normalised values of a channel's n elements, P(u) = u - mean(u) - xh mean(u xh) is what
batch norm does to a gradient and to a tangent alike, which PyTorch computes in one kernel.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor

from .convolution import Convolution

EPS = 1e-5
"""Added to batch norm's variance."""
SLOPE = 0.01
"""Negative slope of the leaky ReLU."""
SHAPES = 64
"""Shapes that a derivative is compiled for (blocks, support and query sets, whole and last parts of a meta-batch); for
more, torch would go on without compiling and say nothing.
"""
_aten: Any = torch.ops.aten
_compile: Any = torch.compile


class BlockPass:
    """A pass of images through one block, with what its derivatives need.

    Args:
        conv: the convolution.
        x: images or the output of the block below, [N, T*C, H, W].
        kernel: [T*F, C, 3, 3].
        gamma, beta: batch norm's affine weights, [T*F].
        pools: whether 2x2 max-pooling halves the image.
        lowest: whether x are the images, which need no gradient and have no tangent.

    Attributes:
        y: the output, [N, T*F, h, w].
    """

    def __init__(
        self, conv: Convolution, x: Tensor, kernel: Tensor, gamma: Tensor, beta: Tensor, *, pools: bool, lowest: bool
    ) -> None:
        self._conv, self._x, self._kernel, self._gamma = conv, x, kernel, gamma
        self._pools, self._lowest = pools, lowest
        self._z = conv(x, kernel)
        # rsd is 1 / sqrt(variance + EPS)
        flat = conv.channels_second(self._z)
        normed, self._mean, self._rsd = _aten.native_batch_norm(flat, gamma, beta, None, None, True, 0.0, EPS)
        normed = normed.view_as(self._z)
        # Pooling commutes with the increasing leaky ReLU, which then runs on a quarter of the values.
        self._pooled: Tensor
        self._where: Tensor | None
        self._pooled, self._where = _aten.max_pool2d_with_indices(normed, [2, 2]) if pools else (normed, None)
        self.y = _aten.leaky_relu(self._pooled, SLOPE)

    @property
    def moments(self) -> tuple[Tensor, Tensor, float]:
        """Mean and 1 / sqrt(variance + EPS) of each channel before normalising, [T*F], and n / (n - 1), by which the
        variance is unbiased.
        """
        return self._mean, self._rsd, self._count / (self._count - 1)

    @property
    def _count(self) -> int:
        """Elements n of a channel."""
        return self._z.numel() // len(self._mean)

    def gradient(self, to_y: Tensor) -> tuple[Tensor | None, Tensor, Tensor, Tensor]:
        """Return the loss's gradients of x (None at the lowest block), kernel, gamma and beta, given that of y."""
        self._to_pooled = self._relu(to_y)
        self._to_z, self._to_gamma, to_beta = self._norm_gradient(self._unpool(self._to_pooled), self._gamma)
        to_x, to_kernel = self._conv.gradient(self._to_z, self._x, self._kernel, not self._lowest)
        return to_x, to_kernel, self._to_gamma, to_beta

    def tangent(self, dx: Tensor | None, dkernel: Tensor) -> Tensor:
        """Return how y moves when x moves along dx (None: not at all) and the kernel along dkernel."""
        self._dx, self._dkernel = dx, dkernel
        dz = self._conv(self._x, dkernel)
        if dx is not None:
            dz += self._conv(dx, self._kernel)
        self._dxh, self._dz_xh, _ = self._norm_gradient(dz, None)
        self._dxh_pooled = self._pool_like(self._dxh)
        return self._relu(self._dxh_pooled * self._conv.by_channel(self._gamma))

    def tangent_gradient(self, dto_y: Tensor) -> tuple[Tensor | None, Tensor, Tensor, Tensor]:
        """Return how the gradients of x, kernel, gamma and beta move, given how that of y moves."""
        dto_pooled, by_channel = self._relu(dto_y), self._conv.by_channel
        dto_z, dto_gamma, dto_beta = self._norm_gradient(self._unpool(dto_pooled), self._gamma)
        # sum of (gradient of the normed values) * dxh
        moved = (self._to_pooled * self._dxh_pooled).sum((1 - self._conv.axis, 2, 3))
        # P itself moves with the statistics:
        # d(P(u) / sd) = [P(du) - (to_z sd) m - dxh mean(u xh) - xh mean(u dxh)] / sd
        share = self._rsd / self._count
        toward_z = -share * self._gamma * moved * self._rsd
        dto_z.addcmul_(self._to_z, by_channel(-share * self._dz_xh))
        dto_z.addcmul_(self._dxh, by_channel(-share * self._gamma * self._to_gamma))
        dto_z.addcmul_(self._z, by_channel(toward_z)).sub_(by_channel(toward_z * self._mean))
        dto_x, dto_kernel = self._conv.gradient(dto_z, self._x, self._kernel, not self._lowest)
        if self._dx is not None:
            by_x, by_kernel = self._conv.gradient(self._to_z, self._dx, self._dkernel, True)
            assert dto_x is not None
            assert by_x is not None
            dto_x, dto_kernel = dto_x + by_x, dto_kernel + by_kernel
        return dto_x, dto_kernel, dto_gamma + moved, dto_beta

    def _relu(self, moving: Tensor) -> Tensor:
        """Return the leaky ReLU's derivative times `moving`: a gradient going down, or a tangent going up."""
        found: Tensor = _aten.leaky_relu_backward(moving, self._pooled, SLOPE, False)
        return found

    def _unpool(self, small: Tensor) -> Tensor:
        """Return `small` [N, T*F, h, w] at the places of the maxima, 0 elsewhere."""
        if not self._pools:
            return small
        full: Tensor = _aten.max_pool2d_with_indices_backward(
            small, self._z, [2, 2], [2, 2], [0, 0], [1, 1], False, self._where
        )
        return full

    def _pool_like(self, full: Tensor) -> Tensor:
        """Return the values of `full` at the places of the maxima."""
        if self._where is None:
            return full
        if not self._z.is_contiguous(memory_format=torch.channels_last):
            return full.flatten(2).gather(2, self._where.flatten(2)).view_as(self._pooled)
        flat, where = (x.permute(0, 2, 3, 1).flatten(1, 2) for x in (full, self._where))
        images, channels, *sides = self._pooled.shape
        return flat.gather(1, where).view(images, *sides, channels).permute(0, 3, 1, 2)

    def _norm_gradient(self, g: Tensor, gamma: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Return gamma P(g) / sd, and each channel's sums of g xh and of g; a gamma of None is 1."""
        if gamma is None and g.is_cuda:  # the CUDA kernel needs a weight
            gamma = torch.ones_like(self._gamma)
        g, z = self._conv.channels_second(g), self._conv.channels_second(self._z)
        to_z, to_gamma, to_beta = _aten.native_batch_norm_backward(
            g, z, gamma, None, None, self._mean, self._rsd, True, EPS, [True, True, True]
        )
        return to_z.view_as(self._z), to_gamma, to_beta


@cache
def compiled_block() -> type[BlockPass]:
    """Return `BlockPass` with its derivatives compiled by torch.compile, for each shape of block at its first use."""

    class Compiled(BlockPass):
        gradient = _compile(BlockPass.gradient, dynamic=False, recompile_limit=SHAPES)
        tangent = _compile(BlockPass.tangent, dynamic=False, recompile_limit=SHAPES)
        tangent_gradient = _compile(BlockPass.tangent_gradient, dynamic=False, recompile_limit=SHAPES)

    return Compiled
