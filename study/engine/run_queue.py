"""The driver's runs: waiting for a worker, or live on one."""

from __future__ import annotations

import time

from .run import Run


class RunQueue:
    """Waiting runs (for a worker, or for another process to release the training) and live ones."""

    def __init__(self) -> None:
        self.waiting: list[Run] = []
        self.live: dict[str, Run] = {}
        """Runs on a worker, by the key of their plan."""

    @property
    def open(self) -> list[Run]:
        """The runs that have not ended."""
        return [run for run in [*self.live.values(), *self.waiting] if run.end is None]

    def take(self) -> Run | None:
        """Remove and return the first waiting run whose pause is over and whose training is not running here."""
        training = {run.plan.fingerprint for run in self.live.values()}
        for run in self.waiting:
            if run.plan.fingerprint not in training and run.not_before <= time.monotonic():
                self.waiting.remove(run)
                return run
        return None

    def dispatch(self, run: Run) -> None:
        """Record that a worker gets a run."""
        run.dispatch()
        self.live[run.plan.key] = run

    def release(self, run: Run) -> None:
        """Record that a run's worker is free."""
        del self.live[run.plan.key]

    def again(self, run: Run, pause: float = 0.0) -> None:
        """Move a live run back to the queue, for at least `pause` seconds."""
        run.not_before = time.monotonic() + pause
        self.waiting.append(self.live.pop(run.plan.key))

    def clear(self) -> None:
        """Remove all runs."""
        self.live.clear()
        self.waiting.clear()
