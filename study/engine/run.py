"""A run between its trial's start and its end, as the driver knows it."""

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
    """What is planned, and how far it is."""

    plan: RunPlan
    run_id: str = ""
    """MLflow's; empty before it is opened."""
    logged: set[int] = field(default_factory=set)
    """Epochs that MLflow holds."""
    epochs: list[AnyEpoch] = field(default_factory=list)
    """What the worker that has it now has told."""
    device: str = ""
    reused: bool = False
    """Whether the training was complete before."""
    attempts: int = 0
    """How often it failed or lost its worker."""
    faults: int = 0
    """How often in a row the home's disk failed it, although the driver could write there."""
    halve: bool = False
    """It ran out of memory once, and computes half as many tasks together since."""
    killed: bool = False
    """Its worker was silent too long."""
    dispatched: float = 0.0
    last_seen: float = 0.0
    """When its worker last said anything (monotonic clock)."""
    not_before: float = 0.0
    end: EndState | None = None
    """How it ended. Its worker may still be busy with it."""

    def dispatch(self) -> None:
        """A worker begins with it, or goes on from its checkpoint."""
        self.dispatched = self.last_seen = time.monotonic()
        self.epochs, self.killed = [], False

    def note(self, event: Event) -> None:
        """Remember what the worker told; an epoch that is known already is passed over."""
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
        )
