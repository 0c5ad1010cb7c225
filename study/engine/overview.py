"""The overview of a study that `mamlab status` shows, read from the stores or from the driver's snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from reports.metric import ACCURACY, Metric

from ..text import words

TROUBLES_KEPT = 5


@dataclass(frozen=True)
class RunningRun:
    """A run in progress: finished epochs, planned epochs, and the best validation value so far."""

    label: str
    epoch: int
    epochs: str
    accuracy: float | None
    """Of whatever metric; the name is that of a published form."""


@dataclass(frozen=True)
class Best:
    """The best complete trial of a search: formatted validation value and searched settings."""

    label: str
    accuracy: str
    settings: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Overview:
    """One study: progress, running runs, best trial, problems."""

    name: str
    kind: str
    experiment_id: str
    counts: dict[str, int]
    """Runs by state."""
    planned: int = 0
    """Total number of planned runs; 0 while unknown."""
    running: tuple[RunningRun, ...] = ()
    best: Best | None = None
    """Only for a search: the best single seed of an ablation means nothing."""
    troubles: tuple[str, ...] = ()
    """One line for each of the last runs with a message: state, label, message."""
    driver: str = ""
    """The running driver: host, process, start time; empty if none."""
    problem: str = ""
    held: tuple[str, ...] = ()
    missing: str = ""
    notes: tuple[str, ...] = ()
    remaining: float | None = None
    """Estimated seconds from `at` to the end; None while unknown."""
    metric: Metric = ACCURACY
    """What values are of."""
    at: float = 0.0
    """Time of this overview, in Unix seconds."""
    reused: int = 0
    """Number of ended runs whose results are those of an earlier training."""

    def as_tree(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)


def from_tree(tree: Mapping[str, Any]) -> Overview:
    """Return the overview from `as_tree`. Raises TypeError, KeyError for anything else."""
    lists = {name: tuple(tree[name]) for name in ("troubles", "held", "notes")}
    running = tuple(RunningRun(**row) for row in tree["running"])
    best = Best(**tree["best"]) if tree["best"] else None
    metric = Metric(**tree["metric"]) if "metric" in tree else ACCURACY
    return Overview(**{**tree, **lists, "running": running, "best": best, "metric": metric})


def trouble(state: str, label: str, message: str) -> str:
    """Return the line for a run with a message."""
    return f"{words(state)}  {label}: {message}"


def best_settings(searched: tuple[str, ...], params: Mapping[str, Any]) -> dict[str, str]:
    """Return the searched settings of the best trial as text; inactive ones are absent."""
    return {name: str(params[name]) for name in sorted(searched) if name in params}
