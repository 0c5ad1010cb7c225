"""The score of a trial with several seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

Score = Literal["mean", "lower_bound"]
FEWEST_SEEDS = 5
"""Fewest seeds per trial for the Wilcoxon pruner."""

Results = Mapping[int, tuple[str, float | None]]
"""Seed -> state and score of an ended run."""


def group_score(values: Sequence[float], how: Score, sign: int = 1) -> float:
    """Return what a search compares of the seeds' best values on validation data: their mean, or its bound on the worse
    side; `sign` is the metric's.
    """
    from reports.statistics.summary import trial_score  # a second of imports

    return trial_score(values, how, sign)


def is_over(results: Results, seeds: int, *, one_by_one: bool, stop: bool) -> bool:
    """Whether a trial with `seeds` seeds and these `results` has ended: all seeds have; `one_by_one`, also if one
    failed or a pruner said `stop`.
    """
    failed = any(state != "complete" for state, _ in results.values())
    return len(results) == seeds or (one_by_one and (failed or stop))


def group_value(results: Results, how: Score, sign: int = 1) -> float | None:
    """Return the score of a group whose runs are all complete, else None."""
    scores = [score for state, score in results.values() if state == "complete" and score is not None]
    return group_score(scores, how, sign) if scores and len(scores) == len(results) else None
