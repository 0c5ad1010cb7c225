"""The driver of a study: asks Optuna for trials, dispatches runs, reports epochs, prunes, and tells results.

It is the only writer of the study's stores. Each epoch from a worker goes through the recorder (pruner, MLflow, Optuna)
and is answered. After a crash, the next start finds the trial still running and resumes its runs from checkpoints.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from trainers.data.config import ImageFolder
from trainers.data.loading_message import loading_message

from ..spec.config import StudyConfig
from ..spec.name_limits import refuse_too_long
from ..spec.same_data import refuse_other_origin
from ..spec.trainable import refuse_untrainable
from ..spec.trained_by import trained_by
from ..stopping import StopSignals
from ..stores.home import Home
from ..stores.outages import StoreLost, StoreUnreachable, wait_for
from ..workers.executors import Executor, make_executor
from ..workers.jobs import Job, find
from .enqueuing import tried_first
from .event_handler import EventHandler
from .home_watch import driving
from .live_progress import LiveProgress
from .opening import Opened, open_recorder
from .progress import StudyProgress
from .run import Run
from .run_queue import RunQueue
from .snapshot_writer import SnapshotWriter

GRACE_SECONDS = 10.0
"""How long workers may take to finish their epoch after a stop signal."""
SHOW_SECONDS = 0.4
LOST_SECONDS = 30.0
"""How long an idle driver waits for a store's file to be restored."""


def run_study(
    config: StudyConfig,
    home: Home,
    show: Callable[[StudyProgress], None],
    *,
    trainer: str = "",
    loader: str = "",
    executor: Executor | None = None,
    stop: StopSignals | None = None,
) -> StudyProgress:
    """Start or resume the study that `config` describes; return its final progress.

    Args:
        config: from `study.spec.parsing.load_spec`; for a search with [study] enqueue, from
            `study.warm_start.warm_started`.
        home: where everything is written.
        show: called with the state of things at every event, and at least twice a second.
        trainer: a function that workers train MAML++'s configs with instead of the study's method, as module:name. It
            is a part of each training's fingerprint, with the source of its module.
        loader: a function that loads the data instead of the study's method, as module:name.
        executor: workers that are there already, and stay; absent: those that [execution] asks for.
        stop: what asks for a stop; the caller may do so, too.

    Raises DriverBusy if another driver runs the study, StudyChanged if it was started with another spec, DataError for
    unusable data, SpecError for a space that does not fit the data, ValueError for what this machine or a store's URL
    cannot do (before anything is written), WorkersError if no worker can be started, KeyboardInterrupt if stopped while
    waiting for a store at the start, StoreLost if a store's file is missing at the end. Later, Ctrl-C, SIGTERM and
    SIGHUP do not raise: workers finish their epoch, and the progress is `interrupted`.
    """
    if trainer:
        config = replace(config, trained_by=trained_by(trainer))
    waiting = StudyProgress(config.study.name, config.kind, planned=0)

    def show_away(away: StoreUnreachable) -> None:
        show(replace(waiting, away=f"{away}. Waiting until it is available again"))

    with driving(home, config.study.name, show_away) as watch:
        refuse_too_long(config, home)
        show(replace(waiting, doing=loading_message(config.data, home.data)))
        data: Any = (find(loader) if loader else config.method.load)(config.data, home.data)
        refuse_untrainable(config, data)
        refuse_other_origin(config, data.checksum)
        with stop or StopSignals() as stop:
            show(replace(waiting, start_notes=getattr(data, "notes", ()), doing="Opening the stores"))
            opened = wait_for(
                lambda: open_recorder(config, home, watch, data.checksum), show_away, lambda: stop.count > 0
            )
            workers = executor or _workers(config, home)
            count = workers.slots
            starting = f"Starting {count} worker{'' if count == 1 else 's'}"
            show(replace(waiting, start_notes=tried_first(config, opened.enqueued), doing=starting))
            driver = _Driver(config, home, opened, workers, show, stop, (trainer, loader), data.checksum)
            return driver.run(keep_workers=executor is not None)


def _workers(config: StudyConfig, home: Home) -> Executor:
    outside = tuple(config.data.places.values()) if isinstance(config.data, ImageFolder) else ()
    return make_executor(config.execution, home, config.study.name, getattr(config.base, "device", "cpu"), outside)


class _Driver:
    """The loop: dispatches waiting runs to workers and handles their events, until nothing is left."""

    def __init__(
        self, config: StudyConfig, home: Home, opened: Opened, executor: Executor,
        show: Callable[[StudyProgress], None], stop: StopSignals, code: tuple[str, str], checksum: str,
    ) -> None:  # fmt: skip
        recorder, limits = opened.recorder, opened.limits
        self._config, self._home, self._view, self._stop, self._code = config, home, show, stop, code
        self._checksum = checksum
        self._recorder, self._limits, self._executor = recorder, limits, executor
        limits.gpus_per_run = executor.gpus_per_run
        self._runs = RunQueue()
        self._progress = LiveProgress(config, recorder, limits, self._runs, opened.troubles, opened.reused)
        self._snapshots = SnapshotWriter(config, home, self._progress)
        self._events = EventHandler(
            config, home, recorder, limits, executor, self._runs, self._progress, stop, self._dispatch
        )

    def run(self, keep_workers: bool = False) -> StudyProgress:
        """Run until the plan is done, the budget is exhausted, or a signal stops it."""
        finished, spent, paused = False, "", ""
        try:
            while self._pending() and not self._stop.count:
                self._dispatch()
                self._step(SHOW_SECONDS)
            self._wind_down()
            left = self._runs.live or self._runs.waiting or self._recorder.more or self._recorder.behind
            paused = self._events.repeated_failure if left and not self._stop.count else ""
            spent = self._spent() if left and not paused and not self._stop.count else ""
            # A search is finished once its budget is exhausted; an ablation still misses planned trainings.
            finished = not (self._stop.count or paused) and (not left or self._config.kind == "search")
        finally:
            if self._runs.live or not keep_workers:
                self._executor.close(grace=0.5 if self._runs.live else 5.0)
            self._interrupt(finished)
        last = self._progress.now(finished=finished, interrupted=bool(self._stop.count), spent=spent, paused=paused)
        if (lost := self._recorder.lost) and not self._stop.count:
            raise StoreLost(
                f"{lost.reason}. Then run the same command to resume; newer results are in the checkpoints and the "
                "journal"
            )
        last = replace(last, notes=() if lost else tuple(self._recorder.notes))
        self._view(last)
        self._snapshots.close(last, self._recorder.best)
        return last

    def _show(self, progress: StudyProgress) -> None:
        self._view(progress)
        if not self._recorder.home_away:
            self._snapshots.renew(progress, self._recorder.best)

    def _pending(self) -> bool:
        live = bool(self._runs.live)
        if not live and (lost := self._recorder.lost) and time.time() - lost.since > LOST_SECONDS:
            return False
        more = self._runs.waiting or self._recorder.more
        return bool(live or self._recorder.behind or (more and not self._exhausted()))

    def _spent(self) -> str:
        return self._limits.reached(self._runs.open)

    def _exhausted(self) -> bool:
        """Whether no more runs may start."""
        return bool(self._spent() or self._events.repeated_failure)

    def _step(self, seconds: float) -> None:
        for key, event in self._executor.wait(seconds):
            self._events.handle(self._runs.live[key], event)
        self._progress.say(*self._executor.notes())
        self._kill_silent()
        self._prepare()
        back = "The home is writable again" if self._recorder.home_away else "Both databases are reachable again"
        if self._recorder.catch_up():
            self._progress.say(f"{back}; pending events were written.")
        self._show(self._progress.now())

    def _kill_silent(self) -> None:
        allowed = self._config.execution.timeout
        for key, run in self._runs.live.items():
            if allowed is not None and not run.killed and time.monotonic() - run.last_seen > allowed:
                run.killed = True
                self._executor.kill(key)

    def _wind_down(self) -> None:
        """After a stop signal, let the workers finish their epoch; a second signal stops them at once."""
        deadline = time.monotonic() + GRACE_SECONDS
        while self._runs.live and time.monotonic() < deadline and self._stop.count < 2:
            self._step(0.1)

    def _interrupt(self, finished: bool) -> None:
        """Close the stores and set unfinished runs back to waiting in both."""
        left = self._runs.open
        self._progress.interrupted = sum(run.dispatched > 0 for run in left)
        self._recorder.close(left, finished)
        self._runs.clear()

    def _dispatch(self) -> None:
        while not self._recorder.home_away and self._executor.free and (run := self._next()) is not None:
            if not (self._recorder.check_home(write=False) and self._recorder.reopen(run)):
                self._runs.waiting.insert(0, run)
                return
            if run.end is not None:  # it ended before the previous driver died
                self._events.note_end(run)
                continue
            self._runs.dispatch(run)
            try:
                self._executor.submit(self._job(run))
            except OSError as error:  # the worker's log cannot be written
                if not self._recorder.blame_home(error):
                    raise
                self._runs.again(run)
            self._show(self._progress.now())

    def _prepare(self) -> None:
        """Prepare an ablation's next run while all workers are busy, so that a free worker need not wait for stores.

        In a search, the next trial depends on the results of the running ones.
        """
        busy = not (self._executor.free or self._runs.waiting or self._stop.count)
        if self._config.kind == "ablation" and busy and (run := self._next()) is not None:
            self._runs.waiting.append(run)

    def _next(self) -> Run | None:
        """Return a run whose training is not running here; start new trials while workers are free."""
        while not self._exhausted():
            if (run := self._runs.take()) is not None:
                return run
            plans = self._recorder.next() if len(self._runs.waiting) < self._executor.slots else []
            if not plans:
                break
            self._runs.waiting += [Run(plan) for plan in plans]
        return None

    def _job(self, run: Run) -> Job:
        plan, (trainer, loader) = run.plan, self._code
        return Job(
            key=plan.key, label=plan.label, config=plan.config.model_dump_json(), seed=plan.seed,
            data=self._config.data.model_dump_json(), data_folder=self._home.data, data_checksum=self._checksum,
            checkpoint=self._home.checkpoints / plan.fingerprint, token=uuid.uuid4().hex, halve=run.halve,
            test=self._config.tests, held_out=self._config.finalists > 0, keep=self._config.execution.keep,
            method=self._config.method.address, trainer=trainer, loader=loader,
            trained_by="" if trainer else self._config.trusted or self._config.trained_by,
        )  # fmt: skip
