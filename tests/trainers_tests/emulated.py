"""What a CUDA graph does, on the CPU: the operators of one call are recorded with their tensors, and done again at the
same places of memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from trainers.graphs import Found

READS = {"_local_scalar_dense", "nonzero", "masked_select", "equal"}
"""Operators that read numbers off the device, which a capture refuses."""


class EmulatedGraph(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """A graph of operators. Recording does the work, which a CUDA graph leaves to the first replay; so that one does
    nothing here.

    Args:
        baked: tensors that count as numbers: a replay uses what they were at the recording. For the test of the test.
    """

    def __init__(self, baked: Sequence[Tensor] = ()) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: list[tuple[Any, Sequence[Any], Mapping[str, Any], Any]] = []
        self._baked = {tensor.data_ptr() for tensor in baked}
        self._fresh = False

    def record(self, work: Callable[[], Found]) -> Found:
        """Do `work`, and keep its operators."""
        with self:
            found = work()
        self._fresh = True
        return found

    @torch.no_grad()
    def replay(self) -> None:
        """Do the work again, into the same memory."""
        if self._fresh:
            self._fresh = False
            return
        for func, args, kwargs, out in self.calls:
            again = func(*args, **kwargs)
            for old, new in zip(_tensors([out]), _tensors([again]), strict=True):
                if old.data_ptr() != new.data_ptr():
                    old.copy_(new)

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        name = func.overloadpacket.__name__
        if name in READS:
            raise RuntimeError(f"operation not permitted when stream is capturing: {name}")
        args, kwargs = [self._as_baked(arg) for arg in args], {k: self._as_baked(v) for k, v in (kwargs or {}).items()}
        out = func(*args, **kwargs)
        self.calls.append((func, args, kwargs, out))
        return out

    def _as_baked(self, value: Any) -> Any:
        return value.clone() if isinstance(value, Tensor) and value.data_ptr() in self._baked else value


def _tensors(values: Any) -> Iterator[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)
