"""The network's convolution of many tasks at once and its transposes, by the library's kernels or as matrix products.

Shapes: T tasks side by side, N images of each, F filters, C channels in, H W image in, h w image out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional

_aten: Any = torch.ops.aten


@dataclass(frozen=True)
class Convolution:
    """A grouped 3x3 convolution with padding 1 and its transposes; operands are rounded to `dtype`, results are not.

    Attributes:
        groups: tasks side by side.
        stride: 1 or 2.
        dtype: type that is multiplied in; None for the operands' own.
        axis: which of the first two dimensions of x and of the output counts channels; the other counts images.
    """

    axis: ClassVar[int] = 1
    groups: int
    stride: int = 1
    dtype: torch.dtype | None = None

    def __call__(self, x: Tensor, kernel: Tensor) -> Tensor:
        """Return the output [N, T*F, ., .] of x [N, T*C, ., .] and the kernel [T*F, C, 3, 3]."""
        return self._forward(*self._round(x, kernel)).to(x.dtype)

    def side_by_side(self, images: Tensor) -> Tensor:
        """Return images [T, N, C, H, W] as the convolution takes them, [N, T*C, H, W]."""
        return images.transpose(0, 1).flatten(1, 2)

    def by_task(self, x: Tensor) -> Tensor:
        """Return an output [N, T*F, ...] as [T, N, F, ...]."""
        return x.reshape(len(x), self.groups, -1, *x.shape[2:]).transpose(0, 1)

    def channels_second(self, x: Tensor) -> Tensor:
        """Return x with the channels in its second dimension, where batch norm looks for them."""
        return x

    def by_channel(self, values: Tensor) -> Tensor:
        """Return values [T*F] of the channels, to be broadcast to images."""
        return values[:, None, None]

    def gradient(self, g: Tensor, x: Tensor, kernel: Tensor, of_input: bool) -> tuple[Tensor | None, Tensor]:
        """Return the gradients of x (None unless `of_input`) and of the kernel, for the output's gradient g."""
        rounded_g, rounded_x, rounded_kernel = self._round(g, x, kernel)
        to_x, to_kernel = self._backward(rounded_g, rounded_x, rounded_kernel, of_input)
        if self.dtype:
            to_x, to_kernel = None if to_x is None else to_x.to(g.dtype), to_kernel.to(g.dtype)
        return to_x, to_kernel

    def _round(self, *operands: Tensor) -> tuple[Tensor, ...]:
        return tuple(operand.to(self.dtype) for operand in operands) if self.dtype else operands

    def _forward(self, x: Tensor, kernel: Tensor) -> Tensor:
        found: Tensor = _aten.convolution(x, kernel, None, *self._how())
        return found

    def _backward(self, g: Tensor, x: Tensor, kernel: Tensor, of_input: bool) -> tuple[Tensor | None, Tensor]:
        to_x, to_kernel, _ = _aten.convolution_backward(g, x, kernel, None, *self._how(), [of_input, True, False])
        return to_x, to_kernel

    def _how(self) -> tuple[list[int], list[int], list[int], bool, list[int], int]:
        return [self.stride] * 2, [1, 1], [1, 1], False, [0, 0], self.groups


class Products(Convolution):
    """The same as one matrix product per task: its kernel times the 3x3 patches of all its images.

    x is [T*C, N, H, W] and the output [T*F, N, h, w], so that no operand or result has to be transposed.
    """

    axis: ClassVar[int] = 0

    def side_by_side(self, images: Tensor) -> Tensor:
        """Return images [T, N, C, H, W] as the convolution takes them, [T*C, N, H, W]."""
        return images.transpose(1, 2).flatten(0, 1)

    def by_task(self, x: Tensor) -> Tensor:
        """Return an output [T*F, N, ...] as [T, N, F, ...]."""
        return x.reshape(self.groups, -1, *x.shape[1:]).transpose(1, 2)

    def channels_second(self, x: Tensor) -> Tensor:
        """Return x [T*F, N, h, w] as [1, T*F, N*h*w]."""
        return x.reshape(1, len(x), -1)

    def by_channel(self, values: Tensor) -> Tensor:
        """Return values [T*F] of the channels, to be broadcast to images."""
        return values[:, None, None, None]

    def _forward(self, x: Tensor, kernel: Tensor) -> Tensor:
        return self._product(kernel, x, self.stride)

    def _backward(self, g: Tensor, x: Tensor, kernel: Tensor, of_input: bool) -> tuple[Tensor | None, Tensor]:
        to_kernel = g.reshape(self.groups, len(kernel) // self.groups, -1) @ self._patches(x, self.stride).mT
        if not of_input:
            return None, to_kernel.view(kernel.shape)
        by_task = kernel.reshape(self.groups, -1, *kernel.shape[1:])
        turned = by_task.flip(3, 4).transpose(1, 2).flatten(0, 1)  # [T*C, F, 3, 3]
        return self._product(turned, self._spread(g, x), 1), to_kernel.view(kernel.shape)

    def _product(self, kernel: Tensor, x: Tensor, stride: int) -> Tensor:
        """Return the convolution of x [T*C, N, H, W] with the kernel [T*F, C, 3, 3]."""
        patches, sides = self._patches(x, stride), [(side - 1) // stride + 1 for side in x.shape[2:]]
        return (kernel.reshape(self.groups, -1, patches.shape[1]) @ patches).view(-1, x.shape[1], *sides)

    def _patches(self, x: Tensor, stride: int) -> Tensor:
        """Return the 3x3 patches of x [T*C, N, H, W], one per output pixel: [T, C*9, N*h*w]."""
        windows = functional.pad(x, (1, 1, 1, 1)).unfold(2, 3, stride).unfold(3, 3, stride)
        return windows.permute(0, 4, 5, 1, 2, 3).reshape(self.groups, len(x) // self.groups * 9, -1)

    def _spread(self, g: Tensor, x: Tensor) -> Tensor:
        """Return g [T*F, N, h, w] at the resolution of x, with zeros at the pixels that the stride skips."""
        if self.stride == 1:
            return g
        spread = g.new_zeros(*g.shape[:2], *x.shape[2:])
        spread[..., :: self.stride, :: self.stride] = g
        return spread
