"""Accuracy against counted compute: the Pareto front of a search."""

from __future__ import annotations

import math
from collections.abc import Iterable

from .. import records as names
from ..metric import Metric
from ..statistics.permutation import SAME
from ..statistics.summary import Search, finite, mean_metric
from ..statistics.trial import Trial
from ..text import duration, interval
from .cells import COMPUTE_COLUMN, COMPUTE_NOTE, Cell, Column, Table, compute_cell, number, value_cell

TITLE = "Accuracy against compute"


def pareto_front(search: Search) -> list[Trial]:
    """Return the Pareto front of the complete trials (score against compute), cheapest first."""
    found: list[Trial] = []
    sign = search.measured.sign
    for trial in sorted(with_compute(search.complete), key=lambda trial: (compute_of(trial), -sign * trial.score)):
        if not found or sign * trial.score > sign * found[-1].score + SAME:
            found.append(trial)
    return found


def cost_table(search: Search) -> Table | None:
    """Return the Pareto front with compute, accuracy and time; None if no run has counted compute."""
    front = pareto_front(search)
    if not front:
        return None
    metric = search.measured
    several = any(len(trial.records) > 1 for trial in search.trials)
    heads = [Column("Trial", True), COMPUTE_COLUMN, Column(metric.with_unit("Validation"), True)]
    heads += [Column("95 % interval", True), Column("n seeds", True)] if several else []
    rows = tuple(_row(trial, several, metric) for trial in front)
    return Table(
        f"Cheapest configs for their {metric.words}", (*heads, Column("Time", True)), rows, tuple(_notes(search))
    )


def _row(trial: Trial, several: bool, metric: Metric) -> tuple[Cell, ...]:
    runs, seconds = tuple(r.run_id for r in trial.records), mean_metric(trial.records, names.SECONDS)
    cells = [
        Cell(trial.label, trial.number, runs),
        compute_cell(trial.records),
        value_cell(trial.value, metric),
    ]
    if several:
        cells += [Cell(interval(trial.value, metric=metric), trial.value.low), number(trial.value.n)]
    return (*cells, number(seconds, None if seconds is None else duration(seconds)))


def _notes(search: Search) -> list[str]:
    spent = math.fsum(
        value for t in search.trials for r in t.records if (value := finite(r, names.COMPUTE)) is not None
    )
    stopped = [t for t in search.trials if t.state == names.PRUNED]
    return [
        (
            f"Complete trials that no other trial matches with less compute (the Pareto front). {COMPUTE_NOTE} Time is"
            " that of one training; it depends on the machine and its load."
        ),
        (
            f"The whole search took the compute of {spent:.3g} trainings of the base; {len(stopped)} of"
            f" {len(search.trials)} trials were stopped early."
        ),
    ]


def with_compute(trials: Iterable[Trial]) -> list[Trial]:
    """Return the trials with counted compute and a score."""
    return [t for t in trials if mean_metric(t.records, names.COMPUTE) and not math.isnan(t.score)]


def compute_of(trial: Trial) -> float:
    """Return the mean compute of a trial's runs, as a multiple of the base's."""
    found = mean_metric(trial.records, names.COMPUTE)
    assert found is not None
    return found
