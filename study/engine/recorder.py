"""Both stores of a study behind one door, which stays open while a store is away.

What a worker tells is written into MLflow and Optuna at once. If a store does not answer, it is kept instead, in memory
and in the study's journal, and written in the same order when the store is back; nothing new is asked for meanwhile.
All that is written can be written again without effect: neither a half-done write nor a journal read twice does harm.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress

from reports.records import EndState

from ..stores.locks import DriverBusy
from ..stores.patience import LONGEST_PAUSE, StoreAway, StoreLost
from ..workers.jobs import Ended, EpochDone, Event, Finished, Started
from .home_watch import HomeAway, HomeWatch, since
from .journal import Journal, RunKey
from .pending import Pending, end_of
from .plan import RunPlan
from .run import Run
from .tally import BestTrial
from .tracking import Tracking
from .trials import Trials


class Recorder:
    """The only writer of a study's stores.

    Args:
        trials: Optuna's side.
        tracking: MLflow's side; its parent run is started.
        journal: what an earlier driver could not write is read from it, and written when its run is opened.
        watch: of the home that the workers write to, which may be away as a store may.
    """

    def __init__(self, trials: Trials, tracking: Tracking, journal: Journal, watch: HomeWatch) -> None:
        self._trials, self._tracking, self._journal, self._watch = trials, tracking, journal, watch
        wanted = set(trials.open_runs)
        self._left = {key: events for key, events in journal.read().items() if (key.trial, key.seed) in wanted}
        self._pending = Pending(journal)
        self._away: StoreAway | None = None
        self._next_try, self._pause = 0.0, 1.0
        self._taken = False
        self._forget_written()

    @property
    def behind(self) -> bool:
        """Whether something waits to be written."""
        return self._away is not None

    @property
    def away(self) -> str:
        """Which store is away, since when; empty if both answer."""
        if self._away is None:
            return ""
        return (
            f"{self._away} (since {since(self._away)}). Running trainings continue, {self._pending.counted} "
            "waiting to be written, and no new runs start"
        )

    @property
    def unsaved(self) -> str:
        """What is in no store and not in the journal, and why; empty if all is kept."""
        return self._pending.unsaved

    @property
    def home_away(self) -> bool:
        """Whether it is the home that is away, so that no run can be given to a worker."""
        return isinstance(self._away, HomeAway)

    def check_home(self, size: int = 0, *, write: bool = True) -> bool:
        """Whether the home is where it was and, with `write`, a file of `size` bytes can be written there; else it is
        away from now on.
        """
        if not self.home_away:
            try:
                self._watch.probe(size) if write else self._watch.look()
            except HomeAway as away:
                self._lose(away)
        return not self.home_away

    def blame_home(self, error: OSError) -> bool:
        """Whether `error` is about the home's disk, which is away from now on."""
        away = self._watch.blame(error)
        if away is not None:
            self._lose(away)
        return away is not None

    @property
    def lost(self) -> StoreLost | None:
        """What happened to the file of a store, if that is why it is away."""
        return self._away if isinstance(self._away, StoreLost) else None

    @property
    def counts(self) -> Counter[str]:
        """Ended runs by state, also those whose end is not written yet."""
        return self._trials.counts + Counter[str](self._pending.ends)

    @property
    def planned(self) -> int:
        """Runs that the study wants in the end; 0 if only hours limit a search."""
        return self._trials.planned

    @property
    def more(self) -> bool:
        """Whether a trial is left to start."""
        return self._trials.more

    @property
    def best(self) -> BestTrial | None:
        """The best complete trial."""
        return self._trials.best

    @property
    def notes(self) -> list[str]:
        """What to say of the stores: trials that are not ours, an experiment that was renamed."""
        return [*self._tracking.notes, *self._trials.notes]

    @property
    def experiment_id(self) -> str:
        """MLflow's experiment."""
        return self._tracking.experiment_id

    def next(self) -> list[RunPlan]:
        """Start the next trial and return its runs; empty when there is none, or while a store is away."""
        if self._away is None:
            try:
                return self._trials.next()
            except StoreAway as away:
                self._lose(away)
        return []

    def reopen(self, run: Run) -> bool:
        """Open a run of an earlier driver in MLflow again and write what was left of it, its end perhaps; False while a
        store is away.

        A new run is opened with the first thing that its worker tells, so that no worker waits for MLflow.
        """
        if run.run_id or not (self._tracking.runs.knows(run.plan) or RunKey.of(run.plan) in self._left):
            return True
        if self._away is not None:
            return False
        try:
            self._open(run)
        except StoreAway as away:
            self._lose(away)
            return False
        for event in self._left.pop(RunKey.of(run.plan), ()):
            if run.end is None:
                self.write(run, event, answered=True)
        self._forget_written()
        return True

    def replay(self) -> list[Run]:
        """Open every run of which an earlier driver left something, which writes it; return those that have not ended.

        Stops where a store is away. What a search has not drawn yet is not drawn.
        """
        runs: list[Run] = []
        for _ in range(self._trials.put_first({key.trial for key in self._left})):
            for plan in self.next():
                runs.append(Run(plan))
                self.reopen(runs[-1])
        return [run for run in runs if run.end is None]

    def write(self, run: Run, event: Event, *, answered: bool = False) -> None:
        """Write what a worker told. `run.end` then says whether, and how, the run has ended by it.

        `answered`: the worker has been told to go on already, so that the pruner is not asked.
        """
        run.note(event)
        if self._away is None:
            try:
                self._apply(run, event, answered)
                return
            except StoreAway as away:
                self._lose(away)
        self._pending.add(run, event)
        run.end = run.end or end_of(event)

    def note_held(self, fingerprints: Mapping[str, str]) -> None:
        """Keep, for whoever looks on, which runs wait for a training that another process holds; not while a store is
        away.
        """
        if self._away is None:
            try:
                self._tracking.note_held(fingerprints)
            except StoreAway as away:
                self._lose(away)

    def catch_up(self, *, now: bool = False) -> bool:
        """If a store is away and it is time (or `now`) to try again, write what waits; True if that brought it back.

        Else give the driver's sign of life. Raises DriverBusy if another driver has taken the study over.
        """
        if self._away is None:
            try:
                self._check_files()
                self._tracking.beat()
            except StoreAway as away:
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
            self._tracking.resync()  # a run may have been opened just before the store went
            while self._pending:
                self._apply(*next(iter(self._pending)), answered=True)
                self._pending.done()
            self._trials.resync()
            self._tracking.resync()
        except StoreAway as away:
            away.since = self._away.since
            self._away = away
            longest = 1.0 if isinstance(away, StoreLost) else LONGEST_PAUSE  # looking at a file costs nothing
            self._next_try, self._pause = time.monotonic() + self._pause, min(2 * self._pause, longest)
            return False
        self._away = None
        self._forget_written()
        return True

    def _check_files(self) -> None:
        self._trials.check_file()
        self._tracking.check_file()

    def close(self, open_runs: Sequence[Run], finished: bool) -> None:
        """Set what has not ended back to waiting, and end the study's own run; left to the next start while a store is
        away.
        """
        if self._taken:  # the stores are another driver's
            return
        self.catch_up(now=True)
        self._pending.keep()
        with suppress(StoreAway):
            for run in open_runs:
                if run.run_id:
                    self._tracking.runs.end(run.run_id, "interrupted")
            self._trials.interrupt()
            self._tracking.close(finished)

    def _apply(self, run: Run, event: Event, answered: bool) -> None:
        """Write an event into both stores, in an order in which it can be written again. Raises StoreAway."""
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
                self._end(run, "complete", score=result.value)
            case Ended(state=state, message=message):
                self._end(run, state, message)

    def _open(self, run: Run) -> None:
        run.run_id, run.logged = self._tracking.runs.open(run.plan)

    def _end(self, run: Run, state: EndState, message: str = "", score: float | None = None) -> None:
        """Write the end of a run: MLflow first, then Optuna, so that a trial that has ended needs nothing more.

        What a pruner says of a trial's seeds is stored before both.
        """
        stops = self._trials.judge_seed(run.plan, state, score)
        if state != "complete":
            self._tracking.runs.log_partial_result(run.run_id, run.plan, run.epochs)
        self._tracking.runs.end(run.run_id, state, message, run.plan.label, stops_trial=stops)
        if not self._trials.end(run.plan, state, score):
            self._tracking.runs.supersede(run.run_id)
        run.end = state

    def _lose(self, away: StoreAway) -> None:
        self._away, self._pause = away, 1.0
        self._next_try = time.monotonic() + self._pause

    def _forget_written(self) -> None:
        if not self._pending and not self._left:
            with suppress(OSError):  # what stays is written once more, without effect
                self._journal.clear()
