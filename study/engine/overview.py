"""A study at a glance: what `mamlab status` shows of it. Read from the stores, or from the snapshot of its driver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from reports.metric import ACCURACY, Metric

TROUBLES_KEPT = 5


@dataclass(frozen=True)
class RunningRun:
    """A run in progress: finished epochs, planned ones, and the best value on validation data so far."""

    label: str
    epoch: int
    epochs: str
    accuracy: float | None
    """Of whatever metric; the name is that of a published form."""


@dataclass(frozen=True)
class Best:
    """The best complete trial of a search: its value on validation data as people read it, its searched settings."""

    label: str
    accuracy: str
    settings: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Overview:
    """One study: how far it is, what runs, what is best, what went wrong."""

    name: str
    kind: str
    experiment_id: str
    counts: dict[str, int]
    """Runs by state."""
    planned: int = 0
    """Runs that the study wants in the end; 0 while unknown."""
    running: tuple[RunningRun, ...] = ()
    best: Best | None = None
    """Of a search alone: the best of an ablation's single seeds says nothing."""
    troubles: tuple[str, ...] = ()
    """A line for each of the last runs that have something to say: state, label, message."""
    driver: str = ""
    """Who runs it now: host, process, since when; empty if nobody does."""
    problem: str = ""
    held: tuple[str, ...] = ()
    missing: str = ""
    notes: tuple[str, ...] = ()
    remaining: float | None = None
    """Estimated seconds from `at` to the end; None while unknown."""
    metric: Metric = ACCURACY
    """What values are of."""
    at: float = 0.0
    """When this was so, in Unix seconds."""

    def as_tree(self) -> dict[str, Any]:
        """Return it as JSON knows it."""
        return asdict(self)


def from_tree(tree: Mapping[str, Any]) -> Overview:
    """Return what `as_tree` gave. Raises TypeError, KeyError for what is none."""
    lists = {name: tuple(tree[name]) for name in ("troubles", "held", "notes")}
    running = tuple(RunningRun(**row) for row in tree["running"])
    best = Best(**tree["best"]) if tree["best"] else None
    metric = Metric(**tree["metric"]) if "metric" in tree else ACCURACY
    return Overview(**{**tree, **lists, "running": running, "best": best, "metric": metric})


def trouble(state: str, label: str, message: str) -> str:
    """Return the line on a run that has something to say."""
    return f"{state.replace('_', ' ')}  {label}: {message}"


def best_settings(searched: tuple[str, ...], params: Mapping[str, Any]) -> dict[str, str]:
    """Return what the best trial had of the searched settings, as text; one that was not active is absent."""
    return {name: str(params[name]) for name in sorted(searched) if name in params}
