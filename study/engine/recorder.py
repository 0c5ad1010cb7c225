"""The recorder: writes workers' events to MLflow and Optuna, and queues them while a store is unreachable.

Queued events are kept in memory and in the study's journal, and written in the same order once the store is reachable
again; meanwhile no new trials start. Every write is idempotent, so a partial write or a journal that is read twice does
no harm.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress

from reports.records import EndState

from ..stores.locks import DriverBusy
from ..stores.outages import LONGEST_PAUSE, StoreLost, StoreUnreachable
from ..workers.jobs import Ended, EpochDone, Event, Finished, Started
from .home_watch import HomeAway, HomeWatch, since
from .journal import Journal, RunKey
from .pending_events import PendingEvents, end_of
from .plan import RunPlan
from .run import Run
from .tally import BestTrial
from .tracking import Tracking
from .trials import Trials


class Recorder:
    """The only writer of a study's stores.

    Args:
        trials: the Optuna study.
        tracking: the MLflow experiment, with its parent run started.
        journal: events of an earlier driver, which are written when their run is opened.
        watch: checks the home, which can become unavailable like a store.
    """

    def __init__(self, trials: Trials, tracking: Tracking, journal: Journal, watch: HomeWatch) -> None:
        self._trials, self._tracking, self._journal, self._watch = trials, tracking, journal, watch
        wanted = set(trials.open_runs)
        self._left = {key: events for key, events in journal.read().items() if (key.trial, key.seed) in wanted}
        self._pending = PendingEvents(journal)
        self._away: StoreUnreachable | None = None
        self._next_try, self._pause = 0.0, 1.0
        self._taken = False
        self._forget_written()

    @property
    def behind(self) -> bool:
        """Whether events are pending."""
        return self._away is not None

    @property
    def away(self) -> str:
        """Which store is unreachable, and since when; empty if both are reachable."""
        if self._away is None:
            return ""
        return (
            f"{self._away} (since {since(self._away)}). Running trainings continue, {self._pending.counted} "
            "waiting to be written, and no new runs start"
        )

    @property
    def unsaved(self) -> str:
        """Which events are in neither store nor journal, and why; empty if none."""
        return self._pending.unsaved

    @property
    def home_away(self) -> bool:
        """Whether the home is unavailable, so that no run can be dispatched."""
        return isinstance(self._away, HomeAway)

    def check_home(self, size: int = 0, *, write: bool = True) -> bool:
        """Whether the home exists and, with `write`, has room for `size` bytes; if not, it is now unavailable."""
        if not self.home_away:
            try:
                self._watch.probe(size) if write else self._watch.look()
            except HomeAway as away:
                self._lose(away)
        return not self.home_away

    def blame_home(self, error: OSError) -> bool:
        """Whether `error` is about the home's disk; if so, the home is now unavailable."""
        away = self._watch.blame(error)
        if away is not None:
            self._lose(away)
        return away is not None

    @property
    def lost(self) -> StoreLost | None:
        """What happened to a store's file, if that is why the store is unavailable."""
        return self._away if isinstance(self._away, StoreLost) else None

    @property
    def counts(self) -> Counter[str]:
        """Ended runs by state, including those whose end is not written yet."""
        return self._trials.counts + Counter[str](self._pending.ends)

    @property
    def planned(self) -> int:
        """Total number of planned runs; 0 for a search limited only by hours."""
        return self._trials.planned

    @property
    def more(self) -> bool:
        """Whether a trial is left to start; also while a store is away that had to say it."""
        try:
            return self._trials.more
        except StoreUnreachable as away:
            if self._away is None:
                self._lose(away)
            return True

    @property
    def best(self) -> BestTrial | None:
        """The best complete trial."""
        return self._trials.best

    @property
    def notes(self) -> list[str]:
        """Notes on the stores: trials of other tools, a renamed experiment."""
        return [*self._tracking.notes, *self._trials.notes]

    @property
    def experiment_id(self) -> str:
        """Id of the MLflow experiment."""
        return self._tracking.experiment_id

    def next(self) -> list[RunPlan]:
        """Start the next trial and return its runs; empty if there is none, or a store is unreachable."""
        if self._away is None:
            try:
                return self._trials.next()
            except StoreUnreachable as away:
                self._lose(away)
        return []

    def reopen(self, run: Run) -> bool:
        """Reopen an earlier driver's run in MLflow and write its pending events; False if a store is unreachable.

        A new run is opened at its worker's first event, so that no worker waits for MLflow.
        """
        if run.run_id or not (self._tracking.runs.knows(run.plan) or RunKey.of(run.plan) in self._left):
            return True
        if self._away is not None:
            return False
        try:
            self._open(run)
        except StoreUnreachable as away:
            self._lose(away)
            return False
        for event in self._left.pop(RunKey.of(run.plan), ()):
            if run.end is None:
                self.write(run, event, answered=True)
        self._forget_written()
        return True

    def replay(self) -> list[Run]:
        """Write all events that an earlier driver left; return the runs that have not ended.

        Stops if a store is unreachable. Samples no new trials.
        """
        runs: list[Run] = []
        for _ in range(self._trials.put_first({key.trial for key in self._left})):
            for plan in self.next():
                runs.append(Run(plan))
                self.reopen(runs[-1])
        return [run for run in runs if run.end is None]

    def write(self, run: Run, event: Event, *, answered: bool = False) -> None:
        """Write a worker's event; sets `run.end` if the event ends the run.

        `answered`: the worker was already answered "go", so the pruner is not asked.
        """
        run.note(event)
        if self._away is None:
            try:
                self._apply(run, event, answered)
                return
            except StoreUnreachable as away:
                self._lose(away)
        self._pending.add(run, event)
        run.end = run.end or end_of(event)

    def note_lock_waits(self, fingerprints: Mapping[str, str]) -> None:
        """Record for `mamlab status` which runs wait for another process; skipped while a store is unreachable."""
        if self._away is None:
            try:
                self._tracking.note_lock_waits(fingerprints)
            except StoreUnreachable as away:
                self._lose(away)

    def catch_up(self, *, now: bool = False) -> bool:
        """If a store is unreachable and a retry is due (or `now`), write pending events; True if that succeeded.

        Otherwise send the heartbeat. Raises DriverBusy if another driver has taken over the study.
        """
        if self._away is None:
            try:
                self._check_files()
                self._tracking.beat()
            except StoreUnreachable as away:
                self._lose(away)
            except DriverBusy:
                self._taken = True
                raise
            return False
        if time.monotonic() < self._next_try and not now:
            return False
        try:
            if isinstance(self._away, HomeAway):
                self._watch.probe(self._away.size)
            self._check_files()
            self._tracking.resync()  # a run may have been opened just before the outage
            while self._pending:
                self._apply(*next(iter(self._pending)), answered=True)
                self._pending.done()
            self._trials.resync()
            self._tracking.resync()
        except StoreUnreachable as away:
            away.since = self._away.since
            self._away = away
            longest = 1.0 if isinstance(away, StoreLost) else LONGEST_PAUSE  # checking a file is cheap
            self._next_try, self._pause = time.monotonic() + self._pause, min(2 * self._pause, longest)
            return False
        self._away = None
        self._forget_written()
        return True

    def _check_files(self) -> None:
        self._trials.check_file()
        self._tracking.check_file()

    def close(self, open_runs: Sequence[Run], finished: bool) -> None:
        """Set unfinished runs back to waiting, and end the parent run; skipped while a store is unreachable."""
        if self._taken:  # another driver writes the stores now
            return
        self.catch_up(now=True)
        self._pending.keep()
        with suppress(StoreUnreachable):
            for run in open_runs:
                if run.run_id:
                    self._tracking.runs.end(run.run_id, "interrupted")
            self._trials.interrupt()
            self._tracking.close(finished)

    def _apply(self, run: Run, event: Event, answered: bool) -> None:
        """Write an event to both stores, in an order that allows repeating it. Raises StoreUnreachable."""
        with self._watch.guard():
            self._write_event(run, event, answered)

    def _write_event(self, run: Run, event: Event, answered: bool) -> None:
        if not run.run_id:
            self._open(run)
        match event:
            case Started(reused=reused, device=device):
                self._tracking.runs.note_start(run.run_id, run.plan, device, reused)
            case EpochDone(result=epoch):
                if self._trials.judge(run.plan, epoch, answered=answered and run.end is None):
                    run.end = "pruned"
                if epoch.epoch not in run.logged:
                    self._tracking.runs.log_epoch(run.run_id, epoch)
                    run.logged.add(epoch.epoch)
                if run.end == "pruned":
                    self._end(run, "pruned")
            case Finished(result=result, files=files):
                self._tracking.runs.log_result(run.run_id, run.plan, result, run.epochs[-1], files)
                self._end(run, "complete", score=result.value, held_out=result.held_out_accuracy)
            case Ended(state=state, message=message):
                self._end(run, state, message)

    def _open(self, run: Run) -> None:
        run.run_id, run.logged = self._tracking.runs.open(run.plan)

    def _end(
        self, run: Run, state: EndState, message: str = "", score: float | None = None, held_out: float | None = None
    ) -> None:
        """Write the end of a run: first the pruner's verdict on the seed, then MLflow, then Optuna.

        So a trial that has ended in Optuna is complete in MLflow.
        """
        stops = self._trials.judge_seed(run.plan, state, score)
        if state != "complete":
            self._tracking.runs.log_partial_result(run.run_id, run.plan, run.epochs)
        self._tracking.runs.end(run.run_id, state, message, run.plan.label, stops_trial=stops)
        if not self._trials.end(run.plan, state, score, held_out):
            self._tracking.runs.supersede(run.run_id)
        run.end = state

    def _lose(self, away: StoreUnreachable) -> None:
        self._away, self._pause = away, 1.0
        self._next_try = time.monotonic() + self._pause

    def _forget_written(self) -> None:
        if not self._pending and not self._left:
            with suppress(OSError):  # if it stays, its events are written again, without effect
                self._journal.clear()
