"""Trial: one config of a search with its seeds; and how trials are ranked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .. import records as names
from ..records import RunRecord
from .estimate import Estimate
from .finalists import by_held_out
from .held_out import HeldOut


@dataclass(frozen=True)
class Trial:
    """One configuration with its 1..k seeds; `value` is its best epoch's on validation data.

    `score` ranks it: the mean, or the lower bound. A trial `stopped` after some of its seeds counts as pruned.
    `held_out` is there if the search has finalists and all its runs were scored on held-out tasks.
    """

    label: str
    number: int | None
    state: str
    value: Estimate
    test: Estimate
    epochs: int
    params: Mapping[str, str]
    records: tuple[RunRecord, ...]
    score: float
    stopped: bool = False
    held_out: HeldOut | None = None


def ranked(trials: Sequence[Trial], sign: int, finalists: int = 0) -> tuple[tuple[Trial, ...], tuple[Trial, ...]]:
    """Return the trials, best first, and those of the best that are ranked by their held-out score.

    The `finalists` best complete trials by their own score are ranked so if all of them have a held-out score, and else
    none is. `sign` is the metric's.
    """
    order = sorted(trials, key=lambda trial: _rank(trial, sign))
    few = [trial for trial in order[:finalists] if trial.state == names.COMPLETE]
    placed = by_held_out(few, lambda trial: trial.held_out.score if trial.held_out else None, sign)
    return (*placed, *order[len(placed) :]), tuple(placed)


def _rank(trial: Trial, sign: int) -> tuple[int, float, float]:
    order = {names.COMPLETE: 0, names.PRUNED: 1}.get(trial.state, 2)
    return order, math.inf if math.isnan(trial.score) else -sign * trial.score, or_inf(trial.number)


def or_inf(value: float | None) -> float:
    """Return a number to sort by: what is missing comes last."""
    return math.inf if value is None else value
