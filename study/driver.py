"""The driver: ask, dispatch, report and prune, tell. It is the only writer of a study's books.

A trial is asked for, its runs go to workers, each epoch that comes back is shown to the pruner, logged and
answered, and the end is written to MLflow first, then to Optuna: a driver that dies in between finds the trial
still running and sends the run through again, from its checkpoint.
"""

from __future__ import annotations

import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from trainers.data.classes import ClassData
from trainers.results import EpochResult
from trainers.training import check

from .config import StudyConfig
from .executors import Executor, make_executor
from .home import Home
from .jobs import Busy, Ended, EpochDone, Event, Finished, Job, Lost, Started, Stopped, find
from .locks import driver_lock
from .plan import RunPlan
from .snapshot import EndState, RunningRow, Snapshot
from .stopping import StopSignals
from .stores import open_mlflow, open_optuna
from .tracking import Tracking
from .trials import Trials

GRACE_SECONDS = 10.0
"""After a stop signal, workers have so long to reach the end of their epoch."""
SHOW_SECONDS = 0.4
BUSY_PAUSE_SECONDS = 1.0
"""A cell that another process trains is tried again after so long."""
RETRY_PAUSE_SECONDS = 0.5
"""What is wrong with a machine for a moment may be over after so long; twice as long the second time."""
MESSAGES_KEPT = 6


def run_study(
    config: StudyConfig,
    home: Home,
    show: Callable[[Snapshot], None],
    *,
    trainer: str = "trainers.training:train",
    loader: str = "trainers.data:load",
    executor: Executor | None = None,
) -> Snapshot:
    """Run the study that `config` describes, or go on with it; return how it stands at the end.

    Args:
        config: from `study.config.load_spec`.
        home: where everything is written.
        show: called with the state of things at every event, and at least twice a second.
        trainer: the function that workers train with, as module:name.
        loader: the function that loads the data, as module:name.
        executor: workers that are there already, and stay; absent: those that [execution] asks for.

    Raises DriverBusy if another driver runs the study, StudyChanged if it was started with another spec,
    DataError for unusable data, ValueError for what this machine or the data cannot do (before anything is written), WorkersError if no worker process can be started. Ctrl-C, SIGTERM and SIGHUP
    do not raise: workers finish their epoch, and the snapshot says `interrupted`.
    """
    with driver_lock(home.locks / f"{config.study.name}.lock", config.study.name):
        data: ClassData = find(loader)(config.data, home.data)
        _check(config, data)
        with StopSignals() as stop:
            trials = Trials(open_optuna(home), config, data.checksum)
            tracking = Tracking(open_mlflow(home), home.artifacts, config, data.checksum)
            tracking.start(trials.open_runs)
            workers = executor or make_executor(config.execution, home.logs / config.study.name, config.base.device)
            driver = _Driver(config, home, trials, tracking, workers, show, stop, (trainer, loader), data.checksum)
            return driver.run(keep_workers=executor is not None)


def _check(config: StudyConfig, data: ClassData) -> None:
    """Raise ValueError, naming the arm, for a config that cannot be trained on `data` here."""
    for name, (one, _) in (config.arms or {"": (config.base, ())}).items():
        try:
            check(one, data)
        except ValueError as error:
            raise type(error)(f'arm "{name}": {error}' if name else str(error)) from None


@dataclass
class _Run:
    """A run between its trial's start and its end."""

    plan: RunPlan
    run_id: str = ""
    logged: frozenset[int] = frozenset()
    """Epochs that MLflow held before."""
    epochs: list[EpochResult] = field(default_factory=list)
    attempts: int = 0
    dispatched: float = 0.0
    not_before: float = 0.0
    ended: bool = False
    """Its end is written, and its worker has yet to say that it is free."""

    @property
    def row(self) -> RunningRow:
        accuracies = [epoch.val_accuracy for epoch in self.epochs]
        return RunningRow(
            self.plan.label, len(accuracies), self.plan.config.budget.epochs, accuracies[-1] if accuracies else None,
            max(accuracies, default=None), time.monotonic() - self.dispatched,
        )  # fmt: skip


class _Driver:
    """The loop. A run is in `_queue` (it waits for a worker or for its cell) or in `_live` (a worker has it)."""

    def __init__(
        self, config: StudyConfig, home: Home, trials: Trials, tracking: Tracking, executor: Executor,
        show: Callable[[Snapshot], None], stop: StopSignals, code: tuple[str, str], checksum: str,
    ) -> None:  # fmt: skip
        self._config, self._home, self._show, self._stop, self._code = config, home, show, stop, code
        self._checksum = checksum
        self._trials, self._tracking, self._executor = trials, tracking, executor
        self._queue: list[_Run] = []
        self._live: dict[str, _Run] = {}
        self._messages: deque[str] = deque(config.notes, maxlen=MESSAGES_KEPT)
        self._began = time.monotonic()
        self._just_ended: list[tuple[RunningRow, EndState]] = []
        self._new_epochs = self._ended_runs = self._interrupted = 0

    def run(self, keep_workers: bool = False) -> Snapshot:
        """Run until the plan is done, the time is up, or a signal stops it."""
        finished = False
        try:
            while self._pending() and not self._stop.count:
                self._dispatch()
                self._step(SHOW_SECONDS)
            self._wind_down()
            all_done = not (self._live or self._queue or self._trials.more)
            # A search whose time is up is done; an ablation lacks cells of its plan.
            finished = not self._stop.count and (all_done or self._config.kind == "search")
        finally:
            if self._live or not keep_workers:
                self._executor.close(grace=0.5 if self._live else 5.0)
            self._interrupt()
            self._tracking.close(finished)
        last = self._snapshot(finished=finished, interrupted=bool(self._stop.count))
        self._show(last)
        return last

    def _pending(self) -> bool:
        return bool(self._live or ((self._queue or self._trials.more) and not self._time_is_up()))

    def _time_is_up(self) -> bool:
        hours = self._config.budget.hours
        return hours is not None and time.monotonic() - self._began > 3600 * hours

    def _step(self, seconds: float) -> None:
        for key, event in self._executor.wait(seconds):
            self._handle(self._live[key], event)
        self._show(self._snapshot())

    def _wind_down(self) -> None:
        """After a stop signal, let the workers come to the end of their epoch; a second signal ends that at once."""
        deadline = time.monotonic() + GRACE_SECONDS
        while self._live and time.monotonic() < deadline and self._stop.count < 2:
            self._step(0.1)

    def _interrupt(self) -> None:
        """Set what has not ended back to waiting, in both books."""
        left = [run for run in [*self._live.values(), *self._queue] if not run.ended]
        for run in left:
            if run.run_id:
                self._tracking.end_run(run.run_id, "interrupted")
                self._interrupted += 1
        self._trials.interrupt(run.plan for run in left)
        self._live.clear()
        self._queue.clear()

    def _dispatch(self) -> None:
        while self._executor.free and (run := self._next()) is not None:
            plan = run.plan
            if not run.run_id:
                run.run_id, run.logged = self._tracking.open_run(plan)
            run.dispatched, run.epochs = time.monotonic(), []
            self._live[plan.key] = run
            self._executor.submit(self._job(plan))
            self._show(self._snapshot())

    def _next(self) -> _Run | None:
        """Return a run whose cell nobody here trains; runs of new trials are queued as far as workers are free."""
        while not self._time_is_up():
            training = {run.plan.cell for run in self._live.values()}
            for run in self._queue:
                if run.plan.cell not in training and run.not_before <= time.monotonic():
                    self._queue.remove(run)
                    return run
            plans = self._trials.next() if len(self._queue) < self._executor.slots else []
            if not plans:
                break
            self._queue += [_Run(plan) for plan in plans]
        return None

    def _job(self, plan: RunPlan) -> Job:
        trainer, loader = self._code
        return Job(
            key=plan.key, label=plan.label, config=plan.config.model_dump_json(), seed=plan.seed,
            data=self._config.data.model_dump_json(), data_folder=self._home.data, data_checksum=self._checksum,
            checkpoint=self._home.checkpoints / plan.cell, token=uuid.uuid4().hex, test=self._config.tests, keep=self._config.execution.keep,
            trainer=trainer, loader=loader,
        )  # fmt: skip

    def _handle(self, run: _Run, event: Event) -> None:
        match event:
            case Started(reused=reused, device=device):
                self._tracking.note_start(run.run_id, run.plan, device, reused)
            case EpochDone(result=epoch):
                self._epoch(run, epoch)
            case Finished(result=result, files=files):
                self._tracking.log_result(run.run_id, result, run.epochs[-1], files)
                self._end(run, "complete", score=result.best_val_accuracy)
            case Ended(state="failed", message=message) | Lost(message=message) if not run.ended:
                self._retry(run, message)
            case Ended(state=state, message=message):
                self._end(run, state, message)
            case Busy(message=message):
                run.not_before = time.monotonic() + BUSY_PAUSE_SECONDS
                self._queue.append(self._live.pop(run.plan.key))
            case Stopped() if not run.ended:
                self._queue.append(self._live.pop(run.plan.key))
            case Stopped() | Lost():
                del self._live[run.plan.key]

    def _epoch(self, run: _Run, epoch: EpochResult) -> None:
        """Report, judge, log, answer: in this order, so that each can be done again after a crash."""
        run.epochs.append(epoch)
        pruned = self._trials.judge(run.plan, epoch)
        if epoch.epoch not in run.logged:
            self._tracking.log_epoch(run.run_id, epoch)
            self._new_epochs += 1
        if pruned:
            self._end(run, "pruned", free=False)
        self._executor.answer(run.plan.key, "prune" if pruned else "leave" if self._stop.count else "go")

    def _retry(self, run: _Run, message: str) -> None:
        """Let a run that failed, or lost its worker, go on from its checkpoint; it may do so `retries` times."""
        run.attempts += 1
        if run.attempts > self._config.execution.retries:
            self._end(run, "failed", message)
        else:
            self._messages.append(f"{run.plan.label}: {message.splitlines()[0]}; the run goes on from its checkpoint")
            run.not_before = time.monotonic() + RETRY_PAUSE_SECONDS * run.attempts
            self._queue.append(self._live.pop(run.plan.key))

    def _end(
        self, run: _Run, state: EndState, message: str = "", *, score: float | None = None, free: bool = True
    ) -> None:
        """Write the end of a run: MLflow first, then Optuna."""
        if state != "complete":
            self._tracking.log_partial_result(run.run_id, run.epochs)
        self._tracking.end_run(run.run_id, state, message, run.plan.label)
        self._trials.end(run.plan, state, score)
        self._ended_runs += 1
        self._just_ended.append((run.row, state))
        run.ended = True
        if message:
            self._messages.append(f"{run.plan.label}: {state}: {message.splitlines()[0]}")
        if free:
            del self._live[run.plan.key]

    def _snapshot(self, *, finished: bool = False, interrupted: bool = False) -> Snapshot:
        rows = tuple(run.row for run in self._live.values() if not run.ended)
        counts, planned = dict(self._trials.counts), self._trials.planned
        left = max(0, planned - sum(counts.values()))
        counts |= {"running": len(rows), "waiting": max(0, left - len(rows))} if not (finished or interrupted) else {}
        counts["interrupted"] = self._interrupted
        value, label, params = self._trials.best or (None, None, {})
        just_ended, self._just_ended = tuple(self._just_ended), []
        return Snapshot(
            study=self._config.study.name, kind=self._config.kind, planned=planned,
            counts={state: count for state, count in counts.items() if count}, running=rows, just_ended=just_ended,
            best_label=label, best_value=value, best_params=params, elapsed=time.monotonic() - self._began,
            remaining=self._remaining(left, rows), finished=finished, interrupted=interrupted,
            experiment_id=self._tracking.experiment_id, messages=tuple(self._messages),
        )  # fmt: skip

    def _remaining(self, left: int, rows: tuple[RunningRow, ...]) -> float | None:
        """Estimate the seconds to the end by the epochs that were trained since the start."""
        if not self._new_epochs or not left:
            return None
        done = sum(row.epoch for row in rows)
        planned = self._config.base.budget.epochs
        a_run = (
            (self._new_epochs - done) / self._ended_runs if self._ended_runs and self._new_epochs > done else planned
        )
        return max(0.0, left * a_run - done) * (time.monotonic() - self._began) / self._new_epochs
