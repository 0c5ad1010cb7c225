"""Checkpoints of the trials that a short look stopped: those of the best are kept, so that they can go on."""

from __future__ import annotations

from contextlib import suppress
from heapq import heappush, heappushpop

from trainers.checkpoint import CheckpointFolder, TrainingBusy

from ..spec.config import StudyConfig
from ..spec.short_look import SHORT_LOOK
from ..stores.home import Home
from .run import Run

KEPT = 100
"""So many of one start at most. A trial without its checkpoint goes on from its first epoch, to the same numbers."""


class KeptCheckpoints:
    """Which of the stopped trials' checkpoints stay; of a search with another pruner none does."""

    def __init__(self, config: StudyConfig, home: Home) -> None:
        self._home, self._sign = home, config.metric.sign
        self._looks = config.pruner is not None and config.pruner.name == SHORT_LOOK
        self._best: list[tuple[float, str]] = []

    def keep(self, run: Run) -> bool:
        """Whether the checkpoint of a run that was stopped is to stay; the worst one that stayed so far may go for
        it.
        """
        if not self._looks or run.end != "pruned":
            return False
        own = self._sign * run.epochs[-1].value, run.plan.fingerprint
        if len(self._best) < KEPT:
            heappush(self._best, own)
            return True
        worst = heappushpop(self._best, own)
        if worst != own:
            self._remove(worst[1])
        return worst != own

    def _remove(self, fingerprint: str) -> None:
        """Remove a checkpoint, unless somebody trains it or it has been trained to its end."""
        folder = CheckpointFolder(self._home.checkpoints / fingerprint, "stopped")
        if folder.finished:
            return
        with suppress(OSError, TrainingBusy):
            folder.acquire()
            folder.remove()
        folder.release()
