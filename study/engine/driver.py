"""The driver: ask, dispatch, report and prune, tell. It is the only writer of a study's stores.

A trial is asked for, its runs go to workers, each epoch that comes back goes through the recorder (pruner, MLflow, Optuna)
and is answered. A driver that dies finds the trial still running at its next start, and sends the run through again,
from its checkpoint.
"""

from __future__ import annotations

import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from trainers.data.classes import ClassData
from trainers.data.config import ImageFolder

from ..spec.config import StudyConfig
from ..spec.name_limits import refuse_too_long
from ..spec.same_data import refuse_other_origin
from ..spec.trainable import refuse_untrainable
from ..stopping import StopSignals
from ..stores.connect import open_mlflow, open_optuna
from ..stores.home import Home
from ..stores.patience import StoreAway, StoreLost, wait_for
from ..workers.executors import Executor, make_executor
from ..workers.jobs import Busy, Ended, EpochDone, Event, Finished, HomeFault, Job, Lost, Started, Stopped, find
from .alike import Alike
from .held import HeldRuns
from .home_watch import HomeWatch, driving
from .journal import Journal
from .limits import SpendingLimits
from .progress import Ending, StudyProgress
from .rebuilding import rebuild
from .recorder import Recorder
from .remaining import Progress
from .run import Run
from .tracking import Tracking
from .trials import Trials

GRACE_SECONDS = 10.0
"""After a stop signal, workers have so long to reach the end of their epoch."""
SHOW_SECONDS = 0.4
BUSY_PAUSE_SECONDS = 1.0
"""A training that another process runs is tried again after so long."""
RETRY_PAUSE_SECONDS = 0.5
"""What is wrong with a machine for a moment may be over after so long; twice as long the second time."""
LOST_SECONDS = 30.0
"""So long a driver waits, when nothing trains any more, for a store's file to be put back."""
FAULTS = 5
"""A run that the home's disk fails so often in a row, although the driver can write there, has failed."""
MESSAGES_KEPT = 6


def run_study(
    config: StudyConfig,
    home: Home,
    show: Callable[[StudyProgress], None],
    *,
    trainer: str = "trainers.training:train",
    loader: str = "trainers.data:load",
    executor: Executor | None = None,
    stop: StopSignals | None = None,
) -> StudyProgress:
    """Run the study that `config` describes, or go on with it; return how it stands at the end.

    Args:
        config: from `study.spec.parsing.load_spec`; of a search with [study] enqueue, from `study.warm_start.warm_started`.
        home: where everything is written.
        show: called with the state of things at every event, and at least twice a second.
        trainer: the function that workers train with, as module:name.
        loader: the function that loads the data, as module:name.
        executor: workers that are there already, and stay; absent: those that [execution] asks for.
        stop: what asks for a stop; the caller may do so, too.

    Raises DriverBusy if another driver runs the study, StudyChanged if it was started with another spec,
    DataError for unusable data, ValueError for what this machine, the data or a store's address cannot do (before
    anything is written), WorkersError if no worker process can be started, KeyboardInterrupt if it is stopped while it
    waits for a store at its start, StoreLost if a store's file is gone at the end, SpecError for a space that the data do not allow. Later Ctrl-C, SIGTERM and SIGHUP do not raise: workers finish their epoch, and the progress says `interrupted`.
    """
    waiting = StudyProgress(config.study.name, config.kind, planned=0)

    def show_away(away: StoreAway) -> None:
        show(replace(waiting, away=f"{away}. Waiting for it"))

    with driving(home, config.study.name, show_away) as watch:
        refuse_too_long(config, home)
        data: ClassData = find(loader)(config.data, home.data)
        refuse_untrainable(config, data)
        refuse_other_origin(config, data.checksum)
        with stop or StopSignals() as stop:
            show(replace(waiting, data_notes=data.notes))
            recorder, budget = wait_for(
                lambda: _open(config, home, watch, data.checksum), show_away, lambda: stop.count > 0
            )
            workers = executor or _workers(config, home)
            driver = _Driver(config, home, recorder, budget, workers, show, stop, (trainer, loader), data.checksum)
            return driver.run(keep_workers=executor is not None)


def _open(config: StudyConfig, home: Home, watch: HomeWatch, checksum: str) -> tuple[Recorder, SpendingLimits]:
    """Open both stores; what Optuna has lost is made again from MLflow, and what has ended in Optuna and is lost in MLflow is to run again.

    Raises StoreAway.
    """
    with watch.guard():
        storage, client = open_optuna(home), open_mlflow(home)
        rebuilt = rebuild(storage, client, home, config, checksum)
        trials = Trials(storage, config, checksum)
        tracking = Tracking(client, home, config, checksum, trials.experiment_id)
        tracking.notes += filter(None, [rebuilt])
        if lost := tracking.runs.lacking(trials.ended_runs):
            trials.replace({trial for trial, _ in lost})
            trials = Trials(storage, config, checksum)
            many = "1 run that had ended was" if len(lost) == 1 else f"{len(lost)} runs that had ended were"
            tracking.notes.append(
                f"{many} missing in MLflow: taken again from the checkpoints, or trained where there is none"
            )
        trials.experiment_id = tracking.experiment_id
        tracking.start(trials.open_runs, trials.not_ours)
        recorder = Recorder(trials, tracking, Journal(home.journal / f"{config.study.name}.jsonl"), watch)
    return recorder, SpendingLimits(config.budget, config.execution, tracking.spent, tracking.earlier_seconds)


def _workers(config: StudyConfig, home: Home) -> Executor:
    outside = (config.data.path,) if isinstance(config.data, ImageFolder) else ()
    return make_executor(config.execution, home, config.study.name, config.base.device, outside)


class _Driver:
    """The loop. A run is in `_queue` (it waits for a worker, or for another process that has its training) or in `_live` (a worker has it)."""

    def __init__(
        self, config: StudyConfig, home: Home, recorder: Recorder, budget: SpendingLimits, executor: Executor,
        show: Callable[[StudyProgress], None], stop: StopSignals, code: tuple[str, str], checksum: str,
    ) -> None:  # fmt: skip
        self._config, self._home, self._show, self._stop, self._code = config, home, show, stop, code
        self._checksum = checksum
        self._recorder, self._budget, self._executor = recorder, budget, executor
        self._queue: list[Run] = []
        self._live: dict[str, Run] = {}
        self._held, self._alike = HeldRuns(), Alike()
        self._messages: deque[str] = deque(maxlen=MESSAGES_KEPT)
        self._just_ended: list[Ending] = []
        self._progress, self._interrupted = Progress(), 0

    def run(self, keep_workers: bool = False) -> StudyProgress:
        """Run until the plan is done, the budget is spent, or a signal stops it."""
        finished, spent, paused = False, "", ""
        try:
            while self._pending() and not self._stop.count:
                self._dispatch()
                self._step(SHOW_SECONDS)
            self._wind_down()
            all_done = not (self._live or self._queue or self._recorder.more or self._recorder.behind)
            paused = "" if all_done or self._stop.count else self._alike.reached
            spent = "" if all_done or paused or self._stop.count else self._spent()
            # A search whose budget is spent is done; an ablation lacks trainings of its plan.
            finished = not (self._stop.count or paused) and (all_done or self._config.kind == "search")
        finally:
            if self._live or not keep_workers:
                self._executor.close(grace=0.5 if self._live else 5.0)
            self._interrupt(finished)
        last = self._progress_now(finished=finished, interrupted=bool(self._stop.count), spent=spent, paused=paused)
        if (lost := self._recorder.lost) and not self._stop.count:
            raise StoreLost(
                f"{lost.reason}. Then the same command goes on: what came since is in checkpoints and journal"
            )
        last = replace(last, notes=() if lost else tuple(self._recorder.notes))
        self._show(last)
        return last

    def _pending(self) -> bool:
        if not self._live and (lost := self._recorder.lost) and time.time() - lost.since > LOST_SECONDS:
            return False
        more = self._queue or self._recorder.more
        return bool(self._live or self._recorder.behind or (more and not (self._spent() or self._alike.reached)))

    def _spent(self) -> str:
        return self._budget.reached(self._open_runs())

    def _open_runs(self) -> list[Run]:
        return [run for run in [*self._live.values(), *self._queue] if run.end is None]

    def _step(self, seconds: float) -> None:
        for key, event in self._executor.wait(seconds):
            self._handle(self._live[key], event)
        self._messages.extend(self._executor.notes())
        self._kill_silent()
        self._prepare()
        back = "the home can be written again" if self._recorder.home_away else "both stores answer again"
        if self._recorder.catch_up():
            self._messages.append(f"{back}, and everything that waited is written")
        self._show(self._progress_now())

    def _kill_silent(self) -> None:
        allowed = self._config.execution.timeout
        for key, run in self._live.items():
            if allowed is not None and not run.killed and time.monotonic() - run.last_seen > allowed:
                run.killed = True
                self._executor.kill(key)

    def _wind_down(self) -> None:
        """After a stop signal, let the workers come to the end of their epoch; a second signal ends that at once."""
        deadline = time.monotonic() + GRACE_SECONDS
        while self._live and time.monotonic() < deadline and self._stop.count < 2:
            self._step(0.1)

    def _interrupt(self, finished: bool) -> None:
        """Close the stores; what has not ended is set back to waiting in both."""
        left = self._open_runs()
        self._interrupted = sum(run.dispatched > 0 for run in left)
        self._recorder.close(left, finished)
        self._live.clear()
        self._queue.clear()

    def _dispatch(self) -> None:
        while not self._recorder.home_away and self._executor.free and (run := self._next()) is not None:
            if not (self._recorder.check_home(write=False) and self._recorder.reopen(run)):
                self._queue.insert(0, run)
                return
            if run.end is not None:  # it had ended before the last driver died
                self._note_end(run)
                continue
            run.dispatch()
            self._live[run.plan.key] = run
            try:
                self._executor.submit(self._job(run))
            except OSError as error:  # the worker's log cannot be written
                if not self._recorder.blame_home(error):
                    raise
                self._again(run)
            self._show(self._progress_now())

    def _prepare(self) -> None:
        """Start an ablation's next run while all workers train, so that the first free one waits for no store.

        A search's next trial depends on what these runs give.
        """
        busy = not (self._executor.free or self._queue or self._stop.count)
        if self._config.kind == "ablation" and busy and (run := self._next()) is not None:
            self._queue.append(run)

    def _next(self) -> Run | None:
        """Return a run whose training does not run here yet; runs of new trials are queued as far as workers are free."""
        while not (self._spent() or self._alike.reached):
            training = {run.plan.fingerprint for run in self._live.values()}
            for run in self._queue:
                if run.plan.fingerprint not in training and run.not_before <= time.monotonic():
                    self._queue.remove(run)
                    return run
            plans = self._recorder.next() if len(self._queue) < self._executor.slots else []
            if not plans:
                break
            self._queue += [Run(plan) for plan in plans]
        return None

    def _job(self, run: Run) -> Job:
        plan, (trainer, loader) = run.plan, self._code
        return Job(
            key=plan.key, label=plan.label, config=plan.config.model_dump_json(), seed=plan.seed,
            data=self._config.data.model_dump_json(), data_folder=self._home.data, data_checksum=self._checksum,
            checkpoint=self._home.checkpoints / plan.fingerprint, token=uuid.uuid4().hex, halve=run.halve,
            test=self._config.tests, keep=self._config.execution.keep, trainer=trainer, loader=loader,
        )  # fmt: skip

    def _handle(self, run: Run, event: Event) -> None:
        match event:
            case Finished() if not self._kept(run):
                where = self._home.checkpoints / run.plan.fingerprint
                self._retry(run, f"its worker has finished, and its checkpoint is not in the home ({where})")
            case Finished() if self._queue and not self._stop.count:  # the next job first, then the stores
                self._dispatch()
                self._write(run, event)
            case Started() | Finished():
                if self._held.end(run):
                    self._recorder.note_held(self._held.told)
                self._write(run, event)
            case EpochDone():
                self._epoch(run, event)
            case Ended(state="failed", message=message, for_good=False) | Lost(message=message) if run.end is None:
                self._retry(run, message)
            case Ended(state="out_of_memory") if not run.halve:
                run.halve = True
                self._again(run, "out of memory; once more with half the tasks together")
            case Ended():
                self._write(run, event)
            case Busy(holder=holder):
                if told := self._held.note(run, holder):
                    self._messages.append(told)
                    self._recorder.note_held(self._held.told)
                self._again(run, pause=BUSY_PAUSE_SECONDS)
            case HomeFault() if run.end is None:
                self._home_fault(run, event)
            case Stopped() if run.end is None:
                self._again(run)
            case Stopped() | Lost() | HomeFault():
                del self._live[run.plan.key]

    def _kept(self, run: Run) -> bool:
        """Whether the checkpoint of a run that has finished is where the driver sees it, if it is to stay."""
        return self._config.execution.keep == "none" or self._home.has_checkpoint(run.plan.fingerprint)

    def _write(self, run: Run, event: Event) -> None:
        """Write what was told into the stores; a run that has ended by it leaves its worker free."""
        self._recorder.write(run, event)
        if run.end is not None:
            self._note_end(run, event.message if isinstance(event, Ended) else "")
            del self._live[run.plan.key]

    def _epoch(self, run: Run, event: EpochDone) -> None:
        if not run.reused and event.result.epoch not in run.logged:
            self._progress.epochs += 1
            run.faults = 0
        self._recorder.write(run, event)
        if run.end is not None:
            self._note_end(run)
        self._executor.answer(run.plan.key, "prune" if run.end else "leave" if self._stop.count else "go")

    def _retry(self, run: Run, message: str) -> None:
        """Let a run that failed, or lost its worker, go on from its checkpoint; it may do so `retries` times."""
        if run.killed:
            message = f"silent for more than {self._config.execution.timeout:g} s ([execution] timeout), so {message}"
        if not self._recorder.check_home():  # whatever it died of: that is no fault of the run
            self._again(run)
            return
        run.attempts += 1
        if run.attempts > self._config.execution.retries:
            self._write(run, Ended("failed", message))
        else:
            told = f"{message.splitlines()[0]}; the run goes on from its checkpoint"
            self._again(run, told, pause=RETRY_PAUSE_SECONDS * run.attempts)

    def _home_fault(self, run: Run, fault: HomeFault) -> None:
        """Let a run wait for the home's disk; if the driver finds nothing wrong with it, try again, and a few times only."""
        here = self._recorder.check_home(fault.size)
        run.faults += here
        if run.faults > FAULTS:
            self._retry(run, fault.message)
        else:
            told = f"{fault.message.splitlines()[0]}; the run goes on from its checkpoint"
            self._again(run, told, pause=RETRY_PAUSE_SECONDS * 2**run.faults if here else 0.0)

    def _again(self, run: Run, message: str = "", pause: float = 0.0) -> None:
        """Let a run wait for a worker again, for `pause` seconds at least."""
        if message:
            self._messages.append(f"{run.plan.label}: {message}")
        run.not_before = time.monotonic() + pause
        self._queue.append(self._live.pop(run.plan.key))

    def _note_end(self, run: Run, message: str = "") -> None:
        assert run.end is not None
        self._progress.ended += not run.reused
        self._alike.note(run, message)
        self._budget.add(run)
        self._just_ended.append((run.row, run.end))
        if message:
            self._messages.append(f"{run.plan.label}: {run.end}: {message.splitlines()[0]}")

    def _progress_now(
        self, *, finished: bool = False, interrupted: bool = False, spent: str = "", paused: str = ""
    ) -> StudyProgress:
        rows = tuple(run.row for run in self._live.values() if run.end is None)
        counts, planned = dict(self._recorder.counts), self._recorder.planned
        left = max(0, planned - sum(counts.values()))
        counts |= {"running": len(rows), "waiting": max(0, left - len(rows))} if not (finished or interrupted) else {}
        counts["interrupted"] = self._interrupted
        value, label, params = self._recorder.best or (None, None, {})
        epochs = self._config.base.budget.epochs
        just_ended, self._just_ended = tuple(self._just_ended), []
        return StudyProgress(
            study=self._config.study.name, kind=self._config.kind, planned=planned,
            counts={state: count for state, count in counts.items() if count}, running=rows, just_ended=just_ended,
            best_label=label, best_value=value, best_params=params, elapsed=self._budget.elapsed,
            remaining=self._progress.remaining(left, sum(row.epoch for row in rows), epochs, self._budget.elapsed), finished=finished, interrupted=interrupted, spent=spent, paused=paused,
            experiment_id=self._recorder.experiment_id, messages=tuple(self._messages), away=self._away(), unsaved=self._recorder.unsaved,
        )  # fmt: skip

    def _away(self) -> str:
        return self._recorder.away + (f"; {len(self._queue)} runs wait" if self._recorder.home_away else "")
