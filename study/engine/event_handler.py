"""Handles a worker's events: records and answers them, and continues, retries or ends the run."""

from __future__ import annotations

from collections.abc import Callable

from ..spec.config import StudyConfig
from ..stopping import StopSignals
from ..stores.home import Home
from ..text import words
from ..workers.executors import Executor
from ..workers.jobs import Busy, Ended, EpochDone, Event, Finished, HomeFault, Lost, Started, Stopped
from .kept_checkpoints import KeptCheckpoints
from .limits import SpendingLimits
from .live_progress import LiveProgress
from .lock_waits import LockWaits
from .recorder import Recorder
from .repeated_failures import RepeatedFailures
from .run import Run
from .run_queue import RunQueue

BUSY_PAUSE_SECONDS = 1.0
"""Pause before retrying a training that another process runs."""
RETRY_PAUSE_SECONDS = 0.5
"""Pause before the first retry, for transient errors; doubled for the second."""
FAULTS = 5
"""A run fails after this many disk errors in a row although the driver can write to the home."""


class EventHandler:
    """Handles the events of one study's workers."""

    def __init__(
        self, config: StudyConfig, home: Home, recorder: Recorder, limits: SpendingLimits, executor: Executor,
        runs: RunQueue, progress: LiveProgress, stop: StopSignals, dispatch: Callable[[], None],
    ) -> None:  # fmt: skip
        self._config, self._home, self._recorder, self._limits = config, home, recorder, limits
        self._executor, self._runs, self._progress = executor, runs, progress
        self._stop, self._dispatch = stop, dispatch
        self._lock_waits, self._failures = LockWaits(), RepeatedFailures()
        self._kept_checkpoints = KeptCheckpoints(config, home)

    @property
    def repeated_failure(self) -> str:
        """The message for the user if too many runs failed with the same error; else empty."""
        return self._failures.reached

    def handle(self, run: Run, event: Event) -> None:
        """Handle an event from the worker of `run`."""
        match event:
            case Finished() if not self._kept(run):
                where = self._home.checkpoints / run.plan.fingerprint
                self._retry(run, f"its worker finished, but its checkpoint is not in the home ({where})")
            case Finished() if self._runs.waiting and not self._stop.count:  # the next job first, then the stores
                self._dispatch()
                self._write(run, event)
            case Started() | Finished():
                if self._lock_waits.end(run):
                    self._note_lock_waits()
                self._write(run, event)
            case EpochDone():
                self._epoch(run, event)
            case Ended(state="failed", message=message, for_good=False) | Lost(message=message) if run.end is None:
                self._retry(run, message)
            case Ended(state="out_of_memory") if not run.halve:
                run.halve = True
                self._again(run, "out of memory; retrying with half as many tasks at once")
            case Ended():
                self._write(run, event)
            case Busy(holder=holder):
                self._busy(run, holder)
            case HomeFault() if run.end is None:
                self._home_fault(run, event)
            case Stopped() if run.end is None:
                self._again(run)
            case Stopped() | Lost() | HomeFault():
                self._runs.release(run)

    def _kept(self, run: Run) -> bool:
        """Whether the driver can see a finished run's checkpoint, unless it is not to be kept."""
        return self._config.execution.keep == "none" or self._home.has_checkpoint(run.plan.fingerprint)

    def _write(self, run: Run, event: Event) -> None:
        """Record an event; if it ends the run, release the worker."""
        self._recorder.write(run, event)
        if run.end is not None:
            self.note_end(run, event.message if isinstance(event, Ended) else "")
            self._runs.release(run)

    def _epoch(self, run: Run, event: EpochDone) -> None:
        if not run.reused and event.result.epoch not in run.logged:
            self._progress.add_epoch()
            run.faults = 0
        self._recorder.write(run, event)
        if run.end is not None:
            self.note_end(run)
        leaves = self._kept_checkpoints.keep(run) if run.end else self._stop.count > 0
        self._executor.answer(run.plan.key, "leave" if leaves else "prune" if run.end else "go")

    def _busy(self, run: Run, holder: str) -> None:
        if message := self._lock_waits.note(run, holder):
            self._progress.say(message)
            self._note_lock_waits()
        self._again(run, pause=BUSY_PAUSE_SECONDS)

    def _note_lock_waits(self) -> None:
        self._progress.lock_waits = self._lock_waits.reported
        self._recorder.note_lock_waits(self._lock_waits.reported)

    def _retry(self, run: Run, message: str) -> None:
        """Resume a run that failed or lost its worker from its checkpoint, at most `retries` times."""
        if run.killed:
            message = (
                f"no message for more than {self._config.execution.timeout:g} s ([execution] timeout), so {message}"
            )
        if not self._recorder.check_home():  # then the disk is at fault, not the run
            self._again(run)
            return
        run.attempts += 1
        if run.attempts > self._config.execution.retries:
            self._write(run, Ended("failed", message))
        else:
            self._go_on(run, message, RETRY_PAUSE_SECONDS * run.attempts)

    def _home_fault(self, run: Run, fault: HomeFault) -> None:
        """Let a run wait for the home's disk; if the driver can write to it, retry a limited number of times."""
        writable = self._recorder.check_home(fault.size)
        run.faults += writable
        if run.faults > FAULTS:
            self._retry(run, fault.message)
        else:
            self._go_on(run, fault.message, RETRY_PAUSE_SECONDS * 2**run.faults if writable else 0.0)

    def _go_on(self, run: Run, message: str, pause: float) -> None:
        self._again(run, f"{message.splitlines()[0]}; the run resumes from its checkpoint", pause)

    def _again(self, run: Run, message: str = "", pause: float = 0.0) -> None:
        """Queue a run again, for at least `pause` seconds."""
        if message:
            self._progress.say(f"{run.plan.label}: {message}")
        self._runs.again(run, pause)

    def note_end(self, run: Run, message: str = "") -> None:
        """Count an ended run for the limits, the display and the check for repeated failures."""
        self._failures.note(run, message)
        self._limits.add(run)
        self._progress.add_end(run, message)
        if message:
            self._progress.say(f"{run.plan.label}: {words(run.end or '')}: {message.splitlines()[0]}")
