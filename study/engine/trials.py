"""The trials of a study in Optuna: the driver starts, judges and ends them here."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Container
from typing import TYPE_CHECKING

from reports.records import EndState
from trainers.results import AnyEpoch

from ..spec.config import StudyConfig
from ..spec.seed_groups import Results, is_over
from .attributes import EXPERIMENT, HELD_OUT, RESULT, STATE, SUPERSEDED, stored_results
from .continuation import Continuation
from .ended_elsewhere import EndedElsewhere
from .foreign_trials import is_ours, notes_on
from .next_trial import TrialQueue
from .optuna_study import freeze, open_study, refuse_other_direction
from .plan import RunPlan
from .pruning import PruningDecisions
from .tally import BestTrial, Tally
from .trial_end import end_trial, runs_per_trial, trial_end
from .trial_runs import planned_run, search_runs, seeds_of

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial, Trial

    from ..stores.optuna_storage import SoleWriter


class Trials:
    """The Optuna study of one spec; no other mamlab process writes it.

    Opening it sets trials that a dead driver left running back to waiting, and enqueues missing planned trials. Trials
    of other tools are ignored, except that a search runs their enqueued trials if they fit the space.
    Raises StudyChanged if the study was started with another spec, ValueError if mamlab did not make it.
    """

    def __init__(self, storage: SoleWriter, config: StudyConfig, data_checksum: str) -> None:
        self._storage, self._config, self._checksum = storage, config, data_checksum
        self._study = open_study(storage, config)
        refuse_other_direction(self._study, config)
        storage.show_only(is_ours)
        freeze(self._study, config, data_checksum)
        self._superseded = set(self._study.user_attrs.get(SUPERSEDED, ()))
        self._continuation = Continuation(self._study, storage, config, self._superseded)
        self._tally = Tally(config)
        self._live: dict[int, Trial] = {}
        self._results: dict[int, Results] = {}
        self._later_seeds: dict[int, list[RunPlan]] = {}
        """For trials that train seed by seed: the runs after the current one."""
        self._next_seeds: deque[RunPlan] = deque()
        """Next runs of started trials, which come before any new trial."""
        self._ended = EndedElsewhere(storage)
        self._pruning = PruningDecisions(self._study, storage, self._ended)
        self._queue = TrialQueue(self._study, storage, config, data_checksum, self._superseded, self._ended, self._live)
        self._reconcile()
        self._queue.fill()

    def check_file(self) -> None:
        """Raise StoreLost if the store's file is no longer the one that was opened."""
        self._storage.check_file()

    @property
    def counts(self) -> Counter[str]:
        """Ended runs by state."""
        return self._tally.counts

    @property
    def best(self) -> BestTrial | None:
        """The best complete trial."""
        return self._tally.best

    @property
    def notes(self) -> list[str]:
        """Notes on trials that another tool made."""
        return notes_on(self._every_trial(), runs_enqueued=self._config.kind == "search")

    @property
    def enqueued(self) -> list[str]:
        """Names of the configs that this start enqueued, in a search."""
        return self._queue.enqueued

    @property
    def experiment_id(self) -> str:
        """The id of the study's experiment in MLflow; empty before the first start."""
        return str(self._study.user_attrs.get(EXPERIMENT, ""))

    @experiment_id.setter
    def experiment_id(self, known: str) -> None:
        if known != self.experiment_id:
            self._study.set_user_attr(EXPERIMENT, known)

    @property
    def ended_runs(self) -> list[tuple[int, int]]:
        """(trial, seed) of the ended runs that count."""
        ended = [trial for trial in self._study.get_trials(deepcopy=False) if trial.state.is_finished()]
        counting = [trial for trial in ended if trial.number not in self._superseded]
        return [
            (trial.number, seed)
            for trial in counting
            for seed in stored_results(trial) or seeds_of(trial, self._config)
        ]

    def replace(self, numbers: Collection[int]) -> None:
        """Mark the trials `numbers` as superseded; opening the study again enqueues their retries."""
        self._study.set_user_attr(SUPERSEDED, sorted({*self._superseded, *numbers}))

    @property
    def not_ours(self) -> frozenset[int]:
        """Numbers of ended trials that another tool made or ended."""
        ended = [trial for trial in self._every_trial() if trial.state.is_finished()]
        return frozenset(trial.number for trial in ended if not is_ours(trial))

    @property
    def planned(self) -> int:
        """Total number of planned runs; 0 for a search limited only by hours."""
        wanted = self._queue.planned * runs_per_trial(self._config)
        return max(0, wanted - self._tally.skipped)

    @property
    def more(self) -> bool:
        """Whether a run is left to start."""
        return bool(self._next_seeds) or self._queue.more or self._continuation.next() is not None

    @property
    def open_runs(self) -> list[tuple[int, int]]:
        """(trial, seed) of the runs to start or resume, for MLflow."""
        return [
            (trial.number, seed)
            for trial in self._queue.waiting
            for seed in seeds_of(trial, self._config)
            if seed not in stored_results(trial)
        ]

    def next(self) -> list[RunPlan]:
        """Start the next trial and return its runs without a result; empty if there is no trial to start.

        Also empty for a trial that only had to be ended. A trial that trains seed by seed returns one run at a time,
        and its next one before any new trial.
        """
        if self._next_seeds:
            return [self._next_seeds.popleft()]
        self._go_on()
        if (trial := self._queue.next()) is None:
            return []
        frozen = self._storage.get_trial(trial._trial_id)
        runs, results = self._runs(trial, frozen), stored_results(frozen)
        self._pruning.open(frozen)
        if self._is_over(trial.number, results):  # the driver died after the trial's last run, before ending the trial
            self._end_trial(trial, results)
            self._drop(trial.number)
            return []
        self._results[trial.number], self._live[trial.number] = results, trial
        left = [run for run in runs if run.seed not in results]
        if not self._config.goes_seed_by_seed:
            return left
        self._later_seeds[trial.number] = left[1:]
        return left[:1]

    def _go_on(self) -> None:
        """Let a trial that a short look stopped be the next, if one is to go on and none waits."""
        if not self._queue.waiting and (stopped := self._continuation.next()) is not None:
            self._continuation.record(stopped.number)
            self._tally.counts[stopped.user_attrs[STATE]] -= 1
            self._queue.fill()

    def _runs(self, trial: Trial, frozen: FrozenTrial) -> list[RunPlan]:
        if self._config.kind == "search":
            return search_runs(self._study, self._storage, self._config, self._checksum, trial)
        return [planned_run(frozen, self._config)]

    def _is_over(self, number: int, results: Results) -> bool:
        """Whether a trial with these `results` is over: all runs ended or, seed by seed, one failed or was the last."""
        stop = self._pruning.stops_at(number, len(results))
        one_by_one = self._config.goes_seed_by_seed
        return is_over(results, runs_per_trial(self._config), one_by_one=one_by_one, stop=stop)

    def put_first(self, numbers: Container[int]) -> int:
        """Move the waiting trials `numbers` to the front; return how many there are."""
        return self._queue.put_first(numbers)

    def judge(self, plan: RunPlan, epoch: AnyEpoch, *, answered: bool = False) -> bool:
        """Report an epoch to the pruner and return whether the run stops; a stored verdict is final.

        `answered`: the worker was answered "go" while the store was unreachable. That is the verdict, and the pruner is
        asked again at the next epoch.
        """
        if self._config.kind != "search" or len(self._config.seeds) > 1:
            return False
        last = epoch.epoch >= self._config.method.epochs(plan.config)  # after it there is nothing to save
        trial, value = self._live[plan.trial], epoch.value
        return self._pruning.judge(trial, epoch.epoch, value, unasked=answered or last, answered=answered)

    def judge_seed(self, plan: RunPlan, state: EndState, score: float | None) -> bool:
        """For trials that train seed by seed, report an ended run to the pruner; return whether the trial stops."""
        if not self._config.goes_seed_by_seed or state != "complete" or score is None:
            return False
        step = self._config.seeds.index(plan.seed) + 1
        return self._pruning.judge(self._live[plan.trial], step, score, unasked=step == len(self._config.seeds))

    def end(self, plan: RunPlan, state: EndState, score: float | None, held_out: float | None = None) -> bool:
        """Write a run's end, with its accuracy on held-out tasks; the trial ends with its last run. Can be repeated
        after StoreUnreachable.

        False if another tool has ended the trial: the run does not count, and another trial takes its place.
        """
        number = plan.trial
        trial, results = self._live[number], {**self._results[number], plan.seed: (state, score)}
        stored = self._storage.get_trial(trial._trial_id)
        ended = stored.state.is_finished()
        if ended and not is_ours(stored):
            self._ended.add(number)
        with self._ended.recording(number):
            if held_out is not None and not ended:
                trial.set_user_attr(f"{HELD_OUT}{plan.seed}", held_out)
            if runs_per_trial(self._config) > 1 and not ended:
                trial.set_user_attr(f"{RESULT}{plan.seed}", [state, score])
            self._results[number] = results
            if (over := self._is_over(number, results)) and number not in self._ended:
                self._end_trial(trial, results, ended=ended)
        if number in self._ended:
            self._drop(number)
            self._queue.fill()
            return False
        if over:
            self._drop(number)
        elif self._config.goes_seed_by_seed:
            self._next_seeds.append(self._later_seeds[number].pop(0))
        self._tally.counts[state] += 1
        return True

    def _end_trial(self, trial: Trial, results: Results, *, ended: bool = False) -> None:
        """End a trial; if it has `ended` already (a write whose answer was lost), only count it."""
        end = trial_end(results, self._config, self._tally.best_score)
        if not ended:
            end_trial(self._storage, trial._trial_id, end)
        self._tally.add_end(end, trial.user_attrs, trial.params)

    def _drop(self, number: int) -> None:
        self._pruning.close(number)
        for kept in (self._live, self._results, self._later_seeds):
            kept.pop(number, None)

    def interrupt(self) -> None:
        """Set unfinished trials back to waiting; they keep number and parameters."""
        self._next_seeds.clear()
        while self._live:
            number, trial = next(iter(self._live.items()))
            self._set_waiting(number, trial._trial_id)
            del self._live[number]

    def resync(self) -> None:
        """After an outage, set partly started trials back to waiting."""
        from optuna.trial import TrialState

        self._storage.forget()
        for trial in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if trial.number not in self._live:
                self._storage.set_trial_state_values(trial._trial_id, TrialState.WAITING)
        self._queue.fill()

    def _reconcile(self) -> None:
        """Count ended trials, and set those that a dead driver left running back to waiting."""
        from optuna.trial import TrialState

        for trial in self._study.get_trials(deepcopy=False):
            if trial.state == TrialState.RUNNING:
                self._set_waiting(trial.number, trial._trial_id)
            if trial.number not in self._superseded:
                self._tally.add_stored(trial)

    def _set_waiting(self, number: int, trial_id: int) -> None:
        from optuna.trial import TrialState

        with self._ended.recording(number):
            self._storage.set_trial_state_values(trial_id, TrialState.WAITING)

    def _every_trial(self) -> list[FrozenTrial]:
        return self._storage.every_trial(self._study._study_id)
