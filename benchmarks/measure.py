"""Time measurement for benchmarks: alternating repetitions, medians, the clock, and the resulting rows.

A machine's speed can drift by half within minutes, so two workloads are compared only if they were repeated
alternately. On one thread, CPU seconds are measured, which other processes disturb little; on several threads and on a
GPU, wall-clock seconds.
"""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

REPEATS = 7
"""Repetitions of each of the two workloads."""


@dataclass(frozen=True)
class Row:
    """One line of a table: a value, its limit and its aim.

    Attributes:

        what: what was measured.
        value: the number that is compared with `must` and `aim`, in `unit`.
        unit: "x" for a ratio to the paper's code, "%", "s", "GiB" or "share".
        must: upper limit of the value (lower limit if `more_is_better`); None if there is no limit.
        aim: a stricter limit, which is hoped for.
        detail: the numbers behind the value.
        repeats: how often each workload was measured.
    """

    what: str
    value: float
    unit: str
    must: float | None
    aim: float | None
    detail: str
    repeats: int = 1
    more_is_better: bool = False

    @property
    def reached(self) -> str:
        """Return "aim", "must" or "no": the stricter of the two limits that the value meets; "-" without limits."""
        marks = {"aim": self.aim, "must": self.must}
        for name, mark in marks.items():
            if mark is not None and (self.value >= mark if self.more_is_better else self.value <= mark):
                return name
        return "-" if self.must is None else "no"


def alternate(*works: Callable[[], object], threads: int = 1, repeats: int = REPEATS) -> list[list[float]]:
    """Return the seconds of each workload, `repeats` times alternately on `threads` torch threads, after one warm-up
    that is not counted.
    """
    on_a_gpu = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    clock = time.process_time if threads == 1 and not on_a_gpu else time.perf_counter
    seconds: list[list[float]] = [[] for _ in works]
    with torch_threads(threads):
        for turn in range(repeats + 1):
            for work, times in zip(works, seconds, strict=True):
                before = clock()
                work()
                if on_a_gpu:
                    torch.cuda.synchronize()
                if turn:
                    times.append(clock() - before)
    return seconds


def compare(
    what: str, ours: list[float], theirs: list[float], must: float | None, aim: float | None, each: float = 1.0
) -> Row:
    """Return the row of our median time relative to theirs; `each` is the number of work units per time measurement."""
    mine, other = statistics.median(ours), statistics.median(theirs)
    detail = f"{seconds(mine / each)} against {seconds(other / each)}"
    return Row(what, mine / other, "x", must, aim, detail, len(ours))


def seconds(value: float) -> str:
    """Return a time with three significant digits: 1.23 s, 45.6 ms."""
    return f"{value:#.3g} s" if value >= 1 else f"{1000 * value:#.3g} ms"


@contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """Run a block with this many torch threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def children_seconds() -> float:
    """Return the CPU seconds of all ended child processes, including their own children."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
