"""Numbers that are counted or derived: operator calls of a meta-iteration, and FLOPs per second and thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from .measure import Row, alternate
from .reference import Reference
from .setting import IN_MSL, Setting

PRODUCT = 1024
"""Rows and columns of the matrices in the plain matrix product."""
PRODUCTS = 8
"""Matrix products per time measurement."""


class _Counter(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the operators that reach a kernel."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: int = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.calls += 1
        return func(*args, **(kwargs or {}))


def operator_calls(work: Callable[[], object]) -> int:
    """Return how many operators `work` calls."""
    work()  # what is set up once is not an iteration's
    counter = _Counter()
    with counter:
        work()
    return counter.calls


def rows(folder: Path | None) -> Iterator[Row]:
    """Yield operator calls (only with the paper's code) and FLOPs per second."""
    if folder is not None:
        yield _calls(folder)
    yield _flops()


def _calls(folder: Path) -> Row:
    """Compare the operator calls of a whole meta-iteration, outer step included, all tasks at once."""
    setting = Setting()
    run, peer = setting.start(), Reference(folder, setting)
    run.at_once = setting.tasks
    tasks = run.streams["train"].batch((0, task) for task in range(setting.tasks))
    ours = operator_calls(lambda: run.iterate(IN_MSL, tasks))
    theirs = operator_calls(lambda: peer.iterate(peer.batch(tasks), IN_MSL))
    what = "operator calls of a meta-iteration, 5-way, second order, MSL, all tasks at once"
    return Row(what, ours / theirs, "x", 1 / 6, 1 / 12, f"{ours:,} against {theirs:,}")


def _flops() -> Row:
    """Compare the FLOPs per second of a meta-iteration with those of a matrix product, both on one thread."""
    setting = Setting()
    run, matrix = setting.start(), torch.rand(PRODUCT, PRODUCT)
    tasks = run.streams["train"].batch((0, task) for task in range(setting.tasks))
    ours, product = map(
        median, alternate(lambda: run.iterate(IN_MSL, tasks), lambda: [matrix @ matrix for _ in range(PRODUCTS)])
    )
    rate, limit = setting.iteration_flops() / ours, 2 * PRODUCT**3 * PRODUCTS / product
    detail = (
        f"{rate / 1e9:.1f} against {limit / 1e9:.1f} GFLOP/s; an iteration has {setting.iteration_flops() / 1e9:.1f}"
        " GFLOP"
    )
    what = "direct-convolution FLOPs a second of a meta-iteration, against a matrix product's; 1 thread"
    return Row(what, rate / limit, "share", 0.6, 0.8, detail, 7, more_is_better=True)
