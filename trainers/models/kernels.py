"""Memory layout and kernels of the network's convolutions for each device, chosen by measurement.

Measured on CPUs: pixel by pixel, convolutions (EXPERIMENTS.md). On GPUs nothing is measured yet; the products are ready
for the day when cuDNN's grouped convolutions turn out slow.
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
        products: whether convolutions are products of matrices with the images' patches; else the library's own.
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
    match device.type, precision:
        case "cpu", _:
            return Kernels(torch.channels_last)
        case _:
            return Kernels(torch.contiguous_format)


@contextmanager
def instead(kernels: Kernels) -> Iterator[None]:
    """Let a block compute with other kernels, to test or to measure them."""
    _INSTEAD.append(kernels)
    try:
        yield
    finally:
        _INSTEAD.pop()
