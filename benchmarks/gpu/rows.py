"""What a stage says: rows, and how long something takes on the device."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch

WARM_UP = 5
"""Calls that are not counted: kernels are chosen, graphs recorded."""


@dataclass(frozen=True)
class Row:
    """One line of the table: what was looked at, what was found, and what it means."""

    what: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Place:
    """Where a stage works.

    Attributes:
        device: "cuda" or "cpu".
        quick: whether sizes are tiny, to try the stages themselves.
        luggage: folder with recorded numbers, Omniglot's files and the paper's code; any of them may be missing.
        out: folder for files.
        seconds: the stage's time limit.
    """

    device: str
    quick: bool
    luggage: Path
    out: Path
    seconds: float

    @property
    def cuda(self) -> bool:
        """Whether the device is a GPU."""
        return self.device == "cuda"

    def wait(self) -> None:
        """Wait until the device has done all that it was given."""
        if self.cuda:
            torch.cuda.synchronize()

    def milliseconds(
        self, work: Callable[[], object], repeats: int = 7, calls: int = 1, warm_up: int = WARM_UP
    ) -> float:
        """Return the median time of a call of `work`, waiting for the device after every `calls` of them."""
        for _ in range(warm_up):
            work()
        self.wait()
        times = []
        for _ in range(repeats):
            before = time.perf_counter()
            for _ in range(calls):
                work()
            self.wait()
            times.append((time.perf_counter() - before) / calls)
        return 1000 * median(times)


Stage = Callable[[Place], Iterator[Row]]
