"""Which search a study follows from, and what its trials reached on seeds that the search never saw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class SearchedTrial:
    """A trial as its search saw it: `score` is its validation accuracy, the mean over `seeds` trainings."""

    number: int
    score: float
    seeds: int = 1


@dataclass(frozen=True)
class Origin:
    """The search that an ablation follows from; `trials` maps an arm to the trial whose settings it has.

    The scores are biased upward: the trials were chosen by them. What the arms reach on seeds that the search never saw
        is not.
    """

    search: str
    trials: Mapping[str, SearchedTrial] = field(default_factory=dict)


@dataclass(frozen=True)
class FreshSeeds:
    """What a trial of a search reached in `study`, on seeds that the search never saw; accuracies in [0, 1], one a
    complete run.
    """

    study: str
    experiment_id: str
    arm: str
    trial: SearchedTrial
    validation: tuple[float, ...]
    test: tuple[float, ...]
    runs: tuple[str, ...]


def origin_of(tree: Mapping[str, Any]) -> Origin:
    """Return the origin that JSON made of an `Origin`."""
    return Origin(tree["search"], {arm: SearchedTrial(**trial) for arm, trial in tree["trials"].items()})


def fresh_of(tree: Mapping[str, Any]) -> FreshSeeds:
    """Return what JSON made of a `FreshSeeds`."""
    series = {name: tuple(tree[name]) for name in ("validation", "test", "runs")}
    return FreshSeeds(tree["study"], tree["experiment_id"], tree["arm"], SearchedTrial(**tree["trial"]), **series)
