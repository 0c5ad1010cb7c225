"""The search that a study follows from, and its trials' results on seeds that the search never saw."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class SearchedTrial:
    """A trial in its search: `score` is its mean validation accuracy over `seeds` trainings.

    `rank` is its rank there, if the search ranked its best trials by held-out accuracy; else they rank by their score.
    """

    number: int
    score: float
    seeds: int = 1
    rank: int | None = None

    def place(self, sign: int = 1) -> tuple[float, float]:
        """Return a key that sorts trials as their search ranked them; `sign` is the metric's."""
        return math.inf if self.rank is None else self.rank, -sign * self.score


@dataclass(frozen=True)
class Origin:
    """The search that an ablation follows from; `trials` maps an arm to the trial whose settings it has.

    The scores are biased upward, because the trials were chosen by them; results on unseen seeds are not.
    """

    search: str
    trials: Mapping[str, SearchedTrial] = field(default_factory=dict)


@dataclass(frozen=True)
class FreshSeeds:
    """A search trial's accuracies in `study`, on seeds that the search never saw: in [0, 1], one per complete run."""

    study: str
    experiment_id: str
    arm: str
    trial: SearchedTrial
    validation: tuple[float, ...]
    test: tuple[float, ...]
    runs: tuple[str, ...]
    base: str = ""
    """The arm that it was compared to; "" for none."""
    base_validation: tuple[float, ...] = ()
    base_test: tuple[float, ...] = ()


def origin_of(tree: Mapping[str, Any]) -> Origin:
    """Return an `Origin` from its JSON form."""
    return Origin(tree["search"], {arm: SearchedTrial(**trial) for arm, trial in tree["trials"].items()})


def fresh_of(tree: Mapping[str, Any]) -> FreshSeeds:
    """Return a `FreshSeeds` from its JSON form."""
    series = {name: tuple(tree[name]) for name in ("validation", "test", "runs")}
    base = {name: tuple(tree.get(name, ())) for name in ("base_validation", "base_test")}  # earlier versions: none
    trial = SearchedTrial(**tree["trial"])
    return FreshSeeds(
        tree["study"], tree["experiment_id"], tree["arm"], trial, **series, base=tree.get("base", ""), **base
    )
