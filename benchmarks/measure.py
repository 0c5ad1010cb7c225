"""How everything here is measured: alternation, medians, the clock, and the rows that come out.

Machines drift, by half within minutes: so two works are compared only when each was repeated in turn with the other.
On one thread the clock is CPU seconds, which other processes disturb little; else, and on a GPU, it is the wall's.
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
"""Times that each of two works is measured."""


@dataclass(frozen=True)
class Row:
    """One line of a table: a value, what it must reach, what it aims at.

    Attributes:
        what: what was measured.
        value: the number that is judged, in `unit`.
        unit: "x" for a ratio to the paper's code, "%", "s", "GiB" or "share".
        must: the value has to be at most this (at least, where `more_is_better`); None: nothing was asked for.
        aim: the same, as far as hoped for.
        detail: the numbers behind the value.
        repeats: how often each work was measured.
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
        """Return "aim", "must" or "no": the better of the two marks that the value reaches; "-" without marks."""
        marks = {"aim": self.aim, "must": self.must}
        for name, mark in marks.items():
            if mark is not None and (self.value >= mark if self.more_is_better else self.value <= mark):
                return name
        return "-" if self.must is None else "no"


def alternate(*works: Callable[[], object], threads: int = 1, repeats: int = REPEATS) -> list[list[float]]:
    """Return each work's seconds, `repeats` times in turn on `threads` torch threads, after one turn that is not
    counted.
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
    """Return the row of our median time against theirs; `each`: units of work in one measured time."""
    mine, other = statistics.median(ours), statistics.median(theirs)
    detail = f"{seconds(mine / each)} against {seconds(other / each)}"
    return Row(what, mine / other, "x", must, aim, detail, len(ours))


def seconds(value: float) -> str:
    """Return a time with three digits: 1.23 s, 45.6 ms."""
    return f"{value:#.3g} s" if value >= 1 else f"{1000 * value:#.3g} ms"


@contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """Run a block with so many torch threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def children_seconds() -> float:
    """Return the CPU seconds of all processes that this one has started and that have ended, with theirs in turn."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
