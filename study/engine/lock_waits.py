"""Runs that wait because another process holds their training's lock: which, since when, and for whom."""

from __future__ import annotations

import time
from dataclasses import dataclass

from .run import Run

NOTICE_SECONDS = 10.0
"""After this long, a waiting run is reported."""


@dataclass
class _Wait:
    since: float
    fingerprint: str
    reported_holder: str = ""


class LockWaits:
    """The waiting runs of a driver."""

    def __init__(self) -> None:
        self._waits: dict[str, _Wait] = {}

    def note(self, run: Run, holder: str) -> str:
        """Record that `holder` has the lock of `run`'s training; return a message for the user, or ""."""
        wait = self._waits.setdefault(run.plan.label, _Wait(time.monotonic(), run.plan.fingerprint))
        if time.monotonic() - wait.since < NOTICE_SECONDS or wait.reported_holder == holder:
            return ""
        wait.reported_holder = holder
        return f"{run.plan.label} is waiting: the same training is running in {holder}"

    def end(self, run: Run) -> bool:
        """Record that a worker has the run's training now; True if the wait was reported."""
        wait = self._waits.pop(run.plan.label, None)
        return wait is not None and bool(wait.reported_holder)

    @property
    def reported(self) -> dict[str, str]:
        """The fingerprints of the reported runs, by label."""
        return {label: wait.fingerprint for label, wait in self._waits.items() if wait.reported_holder}
