"""A run in the driver, from its trial's start to its end."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from reports.records import EndState
from trainers.known_method import KnownMethod
from trainers.results import AnyEpoch

from ..workers.jobs import EpochDone, Event, Started
from .plan import RunPlan
from .progress import RunningRow


@dataclass(eq=False)
class Run:
    """The plan of a run, and its progress."""

    plan: RunPlan
    run_id: str = ""
    """MLflow run id; empty before the run is opened."""
    logged: set[int] = field(default_factory=set)
    """Epochs that are stored in MLflow."""
    epochs: list[AnyEpoch] = field(default_factory=list)
    """Epochs that the current worker has reported."""
    device: str = ""
    reused: bool = False
    """Whether the training was already complete."""
    attempts: int = 0
    """How often it failed or lost its worker."""
    faults: int = 0
    """Disk errors in a row although the driver could write to the home."""
    halve: bool = False
    """Whether it ran out of memory and now computes half as many tasks at once."""
    killed: bool = False
    """Whether its worker was killed after [execution] timeout."""
    dispatched: float = 0.0
    last_seen: float = 0.0
    """When its worker last sent an event (monotonic clock)."""
    not_before: float = 0.0
    end: EndState | None = None
    """End state. Its worker may still be busy with it."""

    def dispatch(self) -> None:
        """Record that a worker starts it, or resumes it from its checkpoint."""
        self.dispatched = self.last_seen = time.monotonic()
        self.epochs, self.killed = [], False

    def note(self, event: Event) -> None:
        """Record a worker's event; an epoch that is already known is skipped."""
        self.last_seen = time.monotonic()
        if isinstance(event, Started):
            self.device, self.reused = event.device, event.reused
        if isinstance(event, EpochDone) and event.result.epoch > len(self.epochs):
            self.epochs.append(event.result)

    def row(self, method: KnownMethod) -> RunningRow:
        """Return the run in a table of those in progress."""
        values = [epoch.value for epoch in self.epochs]
        return RunningRow(
            self.plan.label,
            len(values),
            method.epochs(self.plan.config),
            values[-1] if values else None,
            method.metric.best(values),
            time.monotonic() - self.dispatched,
            self.plan.trial,
            self.plan.arm,
            self.plan.seed,
            self.reused,
        )
