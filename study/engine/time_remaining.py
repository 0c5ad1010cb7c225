"""Estimates a study's remaining time from its speed so far."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class TimeEstimate:
    """Work done since this start of the driver."""

    epochs: int = 0
    ended: int = 0
    """Ended runs."""

    def remaining(self, left: int, done: int, planned: int, elapsed: float) -> float | None:
        """Estimate the seconds to the end; None while unknown.

        Args:
            left: runs that have not ended.
            done: finished epochs of running runs.
            planned: epochs per run.
            elapsed: seconds since the start.
        """
        if not self.epochs or not left:
            return None
        a_run = (self.epochs - done) / self.ended if self.ended and self.epochs > done else planned
        return max(0.0, left * a_run - done) * elapsed / self.epochs
