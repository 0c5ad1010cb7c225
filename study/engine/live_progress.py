"""Live progress of a running study: counts, running and just ended runs, messages."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from ..spec.config import StudyConfig
from .facts import sentence
from .limits import SpendingLimits
from .overview import TROUBLES_KEPT, trouble
from .progress import Ending, RunningRow, StudyProgress
from .recorder import Recorder
from .run import Run
from .run_queue import RunQueue
from .time_remaining import TimeEstimate

MESSAGES_KEPT = 6


class LiveProgress:
    """Holds what is only displayed, and reads the rest from the recorder and the run queue."""

    def __init__(
        self, config: StudyConfig, recorder: Recorder, limits: SpendingLimits, runs: RunQueue,
        troubles: Iterable[str] = (), reused: int = 0,
    ) -> None:  # fmt: skip
        self.troubles: deque[str] = deque(troubles, maxlen=TROUBLES_KEPT)
        """One line for each of the last runs with a problem."""
        self.lock_waits: dict[str, str] = {}
        """Fingerprints of runs that wait for another process to release their training's lock, by label."""
        self._config, self._recorder, self._limits, self._runs = config, recorder, limits, runs
        self._messages: deque[str] = deque(maxlen=MESSAGES_KEPT)
        self._just_ended: list[Ending] = []
        self._speed, self._reused = TimeEstimate(), reused
        self.interrupted = 0
        """Number of runs interrupted at the end."""

    def say(self, *messages: str) -> None:
        """Add messages for the user."""
        self._messages.extend(messages)

    def add_epoch(self) -> None:
        """Count an epoch trained since this start."""
        self._speed.epochs += 1

    def add_end(self, run: Run, message: str = "") -> None:
        """Record the end of a run and its message."""
        assert run.end is not None
        if message:
            self.troubles.append(trouble(run.end, run.plan.label, sentence(message)))
        if not run.reused:
            self._speed.ended.append(run.row(self._config.method).epoch)
        self._reused += run.reused
        self._just_ended.append((run.row(self._config.method), run.end))

    def now(
        self, *, finished: bool = False, interrupted: bool = False, spent: str = "", paused: str = ""
    ) -> StudyProgress:
        """Return the current progress; just ended runs are included once."""
        rows = tuple(run.row(self._config.method) for run in self._runs.live.values() if run.end is None)
        counts, planned = dict(self._recorder.counts), self._recorder.planned
        left = max(0, planned - sum(counts.values()))
        counts |= {"running": len(rows), "waiting": max(0, left - len(rows))} if not (finished or interrupted) else {}
        counts["interrupted"] = self.interrupted
        best = self._recorder.best
        just_ended, self._just_ended = tuple(self._just_ended), []
        return StudyProgress(
            study=self._config.study.name, kind=self._config.kind, planned=planned,
            counts={state: count for state, count in counts.items() if count}, running=rows, just_ended=just_ended,
            reused=self._reused,
            best_label=best.label if best else None, best_value=best.score if best else None,
            best_params=best.params if best else {}, elapsed=self._limits.elapsed,
            remaining=self._remaining(left, rows), finished=finished,
            interrupted=interrupted, spent=spent, paused=paused,
            experiment_id=self._recorder.experiment_id, messages=tuple(self._messages), away=self._away(),
            unsaved=self._recorder.unsaved, metric=self._config.metric,
        )  # fmt: skip

    def _remaining(self, left: int, rows: Iterable[RunningRow]) -> float | None:
        done, planned = sum(row.epoch for row in rows), self._config.method.epochs(self._config.base)
        return self._speed.remaining(left, done, planned, self._limits.elapsed)

    def _away(self) -> str:
        waiting = f"; {len(self._runs.waiting)} runs are waiting" if self._recorder.home_away else ""
        return self._recorder.away + waiting
