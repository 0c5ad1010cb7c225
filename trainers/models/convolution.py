"""The network's grouped convolution and its transposes, by the library's kernels or as products with patches.

Shapes: T tasks side by side, N images of each, F filters, C channels in, L pixels of an image out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
    """

    groups: int
    stride: int = 1
    dtype: torch.dtype | None = None

    def __call__(self, x: Tensor, kernel: Tensor) -> Tensor:
        """Return the output [N, T*F, ., .] of x [N, T*C, ., .] and the kernel [T*F, C, 3, 3]."""
        return self._forward(*self._round(x, kernel)).to(x.dtype)

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
    """The same by products of each task's kernel with the patches of 3x3 pixels of its images."""

    def _forward(self, x: Tensor, kernel: Tensor) -> Tensor:
        sides = [(side - 1) // self.stride + 1 for side in x.shape[2:]]
        return (self._by_task(kernel) @ self._patches(x)).view(len(x), -1, *sides)

    def _backward(self, g: Tensor, x: Tensor, kernel: Tensor, of_input: bool) -> tuple[Tensor | None, Tensor]:
        by_task = g.reshape(len(g), self.groups, -1, g.shape[2] * g.shape[3])  # [N, T, F, L]
        to_kernel = (by_task @ self._patches(x).mT).sum(0).view(kernel.shape)
        if not of_input:
            return None, to_kernel
        to_patches = self._by_task(kernel).mT @ by_task
        side = x.shape[-2], x.shape[-1]
        return functional.fold(to_patches.flatten(1, 2), side, 3, padding=1, stride=self.stride), to_kernel

    def _patches(self, x: Tensor) -> Tensor:
        """Return the patches of x under the kernel, [N, T, C*9, L]."""
        patches = functional.unfold(x, 3, padding=1, stride=self.stride)
        return patches.view(len(x), self.groups, -1, patches.shape[2])

    def _by_task(self, kernel: Tensor) -> Tensor:
        """Return the kernel [T*F, C, 3, 3] as matrices [T, F, C*9]."""
        return kernel.reshape(self.groups, -1, kernel.shape[1] * 9)
