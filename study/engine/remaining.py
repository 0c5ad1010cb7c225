"""How fast a study gets on, and so how long the rest of it takes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Progress:
    """What was trained since the driver's start, what was trained before left out."""

    epochs: int = 0
    ended: int = 0
    """Runs that have come to their end."""

    def remaining(self, left: int, done: int, planned: int, elapsed: float) -> float | None:
        """Estimate the seconds to the end; None while unknown.

        Args:
            left: runs that have not ended.
            done: epochs of those that are in progress.
            planned: epochs of a run.
            elapsed: seconds since the start.
        """
        if not self.epochs or not left:
            return None
        a_run = (self.epochs - done) / self.ended if self.ended and self.epochs > done else planned
        return max(0.0, left * a_run - done) * elapsed / self.epochs
