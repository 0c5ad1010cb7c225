"""The runs that a driver has: those that wait for a worker, and those that a worker has."""

from __future__ import annotations

import time

from .run import Run


class RunQueue:
    """A run waits for a worker, or for another process that has its training, until a worker has it."""

    def __init__(self) -> None:
        self.waiting: list[Run] = []
        self.live: dict[str, Run] = {}
        """Those that a worker has, by the key of their plan."""

    @property
    def open(self) -> list[Run]:
        """The runs that have not ended."""
        return [run for run in [*self.live.values(), *self.waiting] if run.end is None]

    def take(self) -> Run | None:
        """Return the first waiting run whose pause is over and whose training does not run here; it waits no more."""
        training = {run.plan.fingerprint for run in self.live.values()}
        for run in self.waiting:
            if run.plan.fingerprint not in training and run.not_before <= time.monotonic():
                self.waiting.remove(run)
                return run
        return None

    def dispatch(self, run: Run) -> None:
        """Note that a worker gets a run."""
        run.dispatch()
        self.live[run.plan.key] = run

    def release(self, run: Run) -> None:
        """Note that a run's worker is free."""
        del self.live[run.plan.key]

    def again(self, run: Run, pause: float = 0.0) -> None:
        """Let a run that a worker had wait for one again, for `pause` seconds at least."""
        run.not_before = time.monotonic() + pause
        self.waiting.append(self.live.pop(run.plan.key))

    def clear(self) -> None:
        """Forget all runs."""
        self.live.clear()
        self.waiting.clear()
