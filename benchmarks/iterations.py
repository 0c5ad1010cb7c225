"""Time of a meta-iteration and of an evaluation, against the paper's code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from trainers.evaluation import evaluate

from .measure import REPEATS, Row, alternate, compare
from .reference import Reference
from .setting import AFTER_MSL, IN_MSL, Setting

FIVE_WAY, TWENTY_WAY = Setting(), Setting(ways=20)
FIRST_ORDER = replace(FIVE_WAY, second_order=False)
EVALUATED = 24
"""Evaluation tasks that are measured; times are given for 600 tasks."""

KINDS = [  # what, setting, epoch, must, aim
    ("5-way, second order, MSL", FIVE_WAY, IN_MSL, 0.80, 0.5),
    ("20-way, second order, MSL", TWENTY_WAY, IN_MSL, 0.85, 0.55),
    ("5-way, second order, after MSL", FIVE_WAY, AFTER_MSL, 0.80, 0.5),
    ("5-way, first order, MSL", FIRST_ORDER, IN_MSL, 0.80, 0.5),
]


def rows(folder: Path) -> Iterator[Row]:
    """Yield a row per kind of iteration, then rows for evaluation, on one and on two threads."""
    for what, setting, epoch, must, aim in KINDS:
        for threads in (1, 2):
            ours, theirs = iteration_times(folder, setting, epoch, threads)
            yield compare(f"meta-iteration, {what}; {_threads(threads)}", ours, theirs, must, aim)
    for threads in (1, 2):
        ours, theirs = evaluation_times(folder, FIVE_WAY, threads)
        what = f"evaluation of 600 tasks, 5-way ({EVALUATED} of them measured); {_threads(threads)}"
        yield compare(what, ours, theirs, 0.75, 0.4, EVALUATED / 600)


def iteration_times(folder: Path, setting: Setting, epoch: int, threads: int) -> tuple[list[float], list[float]]:
    """Return our seconds and theirs for a meta-iteration on the same tasks."""
    run, peer = setting.start(), Reference(folder, setting)
    tasks = run.streams["train"].batch((0, task) for task in range(setting.tasks))
    batch = peer.batch(tasks)
    ours, theirs = alternate(
        lambda: run.iterate(epoch, tasks), lambda: peer.iterate(batch, epoch), threads=threads, repeats=REPEATS
    )
    return ours, theirs


def evaluation_times(folder: Path, setting: Setting, threads: int) -> tuple[list[float], list[float]]:
    """Return our seconds and theirs for `EVALUATED` tasks; ours include drawing the tasks, theirs use tasks drawn
    beforehand.
    """
    run, peer = setting.start(), Reference(folder, setting)
    stream, shown = run.streams["val"], run.snapshot(0)
    tasks = stream.batch((task,) for task in range(EVALUATED))
    batches = [peer.batch(part) for part in tasks.split(setting.tasks)]
    ours, theirs = alternate(
        lambda: evaluate(run.learner, [shown], stream, EVALUATED, run.evaluated_at_once),
        lambda: peer.evaluate(batches),
        threads=threads,
        repeats=REPEATS,
    )
    return ours, theirs


def _threads(count: int) -> str:
    return "1 thread" if count == 1 else f"{count} threads"
