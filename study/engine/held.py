"""Runs that wait because another process holds their training's lock: which, since when, and who it is."""

from __future__ import annotations

import time
from dataclasses import dataclass

from .run import Run

NOTICE_SECONDS = 10.0
"""A run that waits so long is told to the user."""


@dataclass
class _Wait:
    since: float
    fingerprint: str
    reported_holder: str = ""


class HeldRuns:
    """What the driver knows of such runs."""

    def __init__(self) -> None:
        self._waits: dict[str, _Wait] = {}

    def note(self, run: Run, holder: str) -> str:
        """Note that `holder` has the training of `run`; return what the user is to be told now, or nothing."""
        wait = self._waits.setdefault(run.plan.label, _Wait(time.monotonic(), run.plan.fingerprint))
        if time.monotonic() - wait.since < NOTICE_SECONDS or wait.reported_holder == holder:
            return ""
        wait.reported_holder = holder
        return f"{run.plan.label} is waiting: the same training is running in {holder}"

    def end(self, run: Run) -> bool:
        """Note that a worker has the run's training; True if the user was told that it waits."""
        wait = self._waits.pop(run.plan.label, None)
        return wait is not None and bool(wait.reported_holder)

    @property
    def reported(self) -> dict[str, str]:
        """The fingerprints of the runs that the user was told of, by the run's label."""
        return {label: wait.fingerprint for label, wait in self._waits.items() if wait.reported_holder}
