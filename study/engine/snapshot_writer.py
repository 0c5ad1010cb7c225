"""Writes the snapshots of a running study, for `mamlab status`."""

from __future__ import annotations

import time

from reports.statistics.estimate import metric_estimate
from reports.text import measured

from ..spec.config import StudyConfig
from ..stores.home import Home
from .live_progress import LiveProgress
from .overview import Best, Overview, RunningRun, best_settings
from .progress import StudyProgress
from .snapshot import content_of, driver_here, held_lines, write_snapshot
from .tally import BestTrial

EVERY_SECONDS = 1.0
"""Shortest interval between two snapshots."""


class SnapshotWriter:
    """The snapshots of one study: renewed while it runs, and written once more at its end.

    Args:
        live: has the runs with problems and the waiting ones.
    """

    def __init__(self, config: StudyConfig, home: Home, live: LiveProgress) -> None:
        self._config, self._home, self._live = config, home, live
        self._driver, self._next = driver_here(home, config.study.name), 0.0

    def renew(self, progress: StudyProgress, best: BestTrial | None) -> None:
        """Write a snapshot if one is due."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + EVERY_SECONDS
            write_snapshot(self._home, self._overview(progress, best, self._driver), None)

    def close(self, progress: StudyProgress, best: BestTrial | None) -> None:
        """Write the last snapshot, which is valid until the stores change."""
        last = self._overview(progress, best, "")
        write_snapshot(self._home, last, content_of(self._home, last.name, last.experiment_id))

    def _overview(self, progress: StudyProgress, best: BestTrial | None, driver: str) -> Overview:
        rows = [RunningRun(row.label, row.epoch, str(row.epochs), row.best) for row in progress.running]
        return Overview(
            progress.study, progress.kind, progress.experiment_id, progress.counts, progress.planned, tuple(rows),
            self._best(best), tuple(self._live.troubles), driver, progress.away,
            held=tuple(held_lines(self._home, self._live.lock_waits)), notes=progress.notes,
            remaining=progress.remaining, metric=progress.metric, at=time.time(), reused=progress.reused,
        )  # fmt: skip

    def _best(self, best: BestTrial | None) -> Best | None:
        if best is None or self._config.space is None:
            return None
        settings = best_settings(tuple(self._config.space.dimensions), best.params)
        metric = self._config.metric
        return Best(best.label, measured(metric_estimate(metric, best.values), metric), settings)
