"""Estimates a study's remaining time from its speed so far."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class TimeEstimate:
    """Work done since this start of the driver."""

    epochs: int = 0
    ended: list[int] = field(default_factory=list)
    """Epochs of each run that has ended, also before the study was resumed."""

    def remaining(self, left: int, done: int, planned: int, elapsed: float) -> float | None:
        """Estimate the seconds to the end; None while unknown.

        Args:
            left: runs that have not ended.
            done: finished epochs of running runs, those of earlier starts included.
            planned: epochs per run.
            elapsed: seconds since the start.
        """
        if not self.epochs or not left:
            return None
        a_run = sum(self.ended) / len(self.ended) if self.ended else planned
        return max(0.0, left * a_run - done) * elapsed / self.epochs
