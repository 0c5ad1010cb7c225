"""Best value against compute, and how much less compute one method needs than another, with an interval over
repetitions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reports import records as names
from reports.records import RunRecord
from reports.statistics.estimate import Estimate, estimate
from reports.statistics.expected_best import expected_best
from reports.statistics.summary import best_validation, in_order

REPETITIONS = 5
DRAWS = 10_000
LEVEL = 0.95


@dataclass(frozen=True)
class Curve:
    """A search: after the compute `compute[i]` (relative to the base's training), its best complete trial has the value
    `best[i]`.

    `ends` is its total compute, `values` are the values of its complete trials, and `trials` counts all trials.
    `held_out` is the accuracy of the trial that it ranks first on validation tasks that it never saw, if known.
    """

    compute: tuple[float, ...]
    best: tuple[float, ...]
    ends: float
    values: tuple[float, ...]
    trials: int
    held_out: float | None = None

    def at(self, compute: float) -> float:
        """Return the best value found with this much compute; 0 before the first complete trial."""
        found = [best for spent, best in zip(self.compute, self.best, strict=True) if spent <= compute]
        return found[-1] if found else 0.0


def curve_of(records: Sequence[RunRecord]) -> Curve:
    """Return the curve of a search with one worker, whose trials ended in the order of their numbers."""
    spent, best, compute, steps, values = 0.0, 0.0, list[float](), list[float](), list[float]()
    for record in in_order(records):
        spent += record.metrics.get(names.COMPUTE, 0.0)
        value = best_validation(record)
        if record.state == names.COMPLETE and value is not None:
            best = max(best, value)
            compute.append(spent)
            steps.append(best)
            values.append(value)
    return Curve(tuple(compute), tuple(steps), spent, tuple(values), len(records))


def mean_best(curves: Sequence[Curve], compute: float) -> float:
    """Return the mean over repetitions of the best value after this much compute."""
    return math.fsum(curve.at(compute) for curve in curves) / len(curves)


def expected_random(curve: Curve) -> list[tuple[float, float]]:
    """Return (compute, expected best) of a random search; the order of its trials is irrelevant (Tang et al. 2020)."""
    found = expected_best(curve.values)
    return [(curve.ends * n / curve.trials, best) for n, best in zip(found.trials, found.mean, strict=True)]


def compute_to_reach(curves: Sequence[Curve], target: float) -> float:
    """Return the smallest compute at which `mean_best` reaches `target`; infinity if it never does."""
    moments = sorted({spent for curve in curves for spent in curve.compute})
    return next((spent for spent in moments if mean_best(curves, spent) >= target), math.inf)


@dataclass(frozen=True)
class Ratio:
    """Compute to reach the other method's best, relative to that method's full compute, with a 95 % interval; infinity
    if never reached. `n` is the number of repetitions.
    """

    value: float
    low: float
    high: float
    target: float
    n: int


def ratio(ours: Sequence[Curve], others: Sequence[Curve]) -> Ratio:
    """Return the share of `others`' full compute that `ours` need to reach the mean of the others' best.

    The interval is a percentile bootstrap over paired repetitions (a repetition of both methods has the same seed and
    tasks). With few repetitions it tends to be too narrow.
    """
    draws = np.random.default_rng(5).integers(0, len(ours), (DRAWS, len(ours)))
    kinds = {tuple(sorted(draw)) for draw in draws.tolist()}
    by_draw = {kind: _ratio([ours[i] for i in kind], [others[i] for i in kind]) for kind in kinds}
    found = np.sort([by_draw[tuple(sorted(draw))] for draw in draws.tolist()])
    tail = (1 - LEVEL) / 2
    low, high = (float(found[min(round(q * DRAWS), DRAWS - 1)]) for q in (tail, 1 - tail))
    return Ratio(_ratio(ours, others), low, high, _target(others), len(ours))


def held_out_difference(ours: Sequence[Curve], others: Sequence[Curve]) -> Estimate | None:
    """Return by how much `ours` end higher than `others` on held-out tasks: mean over paired repetitions with a 95 %
    interval of Student's t; None if a search was not scored on them.
    """
    pairs = [(own.held_out, other.held_out) for own, other in zip(ours, others, strict=True)]
    found = [own - other for own, other in pairs if own is not None and other is not None]
    return estimate(found) if found and len(found) == len(pairs) else None


def _target(others: Sequence[Curve]) -> float:
    return math.fsum(curve.best[-1] for curve in others) / len(others)


def _ratio(ours: Sequence[Curve], others: Sequence[Curve]) -> float:
    full = math.fsum(curve.ends for curve in others) / len(others)
    return compute_to_reach(ours, _target(others)) / full
