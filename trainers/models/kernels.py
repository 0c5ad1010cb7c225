"""Memory layout and kernels of the network's convolutions for each device, chosen by measurement.

On a CPU the library's convolutions, pixel by pixel. On a GPU cuDNN takes grouped convolutions one group after the other
in float32, so each block is one batch of matrix products instead; in TF32 and bfloat16 it has better kernels, and they
are faster than the products. EXPERIMENTS.md has the measurements.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from ..sections import Precision


@dataclass(frozen=True)
class Kernels:
    """How convolutions are computed.

    Attributes:
        layout: memory format of all tensors [., ., ., .].
        products: whether convolutions are products of matrices (`Products`); else the library's own.
    """

    layout: torch.memory_format
    products: bool = False

    def laid_out(self, x: Tensor) -> Tensor:
        """Return x [., ., ., .] in the layout."""
        return x.contiguous(memory_format=self.layout)


_INSTEAD: list[Kernels] = []


def kernels_for(device: torch.device, precision: Precision) -> Kernels:
    """Return layout and kernel of a training in `precision` on `device`."""
    if _INSTEAD:
        return _INSTEAD[-1]
    if device.type == "cpu" or precision == "bfloat16":
        return Kernels(torch.channels_last)
    return Kernels(torch.contiguous_format, products=precision != "tf32")


@contextmanager
def instead(kernels: Kernels) -> Iterator[None]:
    """Let a block compute with other kernels, to test or to measure them."""
    _INSTEAD.append(kernels)
    try:
        yield
    finally:
        _INSTEAD.pop()
