"""The score of a trial of several seeds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Literal

Score = Literal["mean", "lower_bound"]
TWO_SIDED = 0.9
"""Level of the two-sided interval whose lower end is that of the one-sided 95 % interval."""
FEWEST_SEEDS = 5
"""Of a group that the Wilcoxon pruner may stop."""

Results = Mapping[int, tuple[str, float | None]]
"""Seed -> state and score of a run that has ended."""


def group_score(values: Sequence[float], how: Score) -> float:
    """Return what a search compares of the seeds' best validation accuracies: their mean, or its `lower_bound`."""
    return statistics.fmean(values) if how == "mean" else lower_bound(values)


def lower_bound(values: Sequence[float]) -> float:
    """Return the lower end of the one-sided 95 % t interval of the mean; of a single value minus infinity.

    It prefers a config that is good with every seed.
    """
    from reports.statistics import estimate  # a second of imports

    low = estimate(values, level=TWO_SIDED).low
    return -math.inf if low is None else low


def group_value(results: Results, how: Score) -> float | None:
    """Return the score of a group whose runs are all complete, else None."""
    scores = [score for state, score in results.values() if state == "complete" and score is not None]
    return group_score(scores, how) if scores and len(scores) == len(results) else None
