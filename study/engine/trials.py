"""Optuna's side of the stores: which trial comes next, the pruner's verdicts, how a trial ends."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Container, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from trainers.errors import InputError
from trainers.fingerprint import fingerprint_of
from trainers.results import EpochResult

from ..spec.config import SpecError, StudyConfig
from ..spec.sections import Named
from ..spec.seed_groups import Results, group_value, is_over
from .foreign import LABEL, OURS, PRESET, REFUSED, RETRY_OF, STATE, is_ours, is_wish, misfit, notes_on
from .plan import (
    RunPlan,
    StudyChanged,
    frozen_json,
    planned_fingerprint,
    planned_runs,
    refuse_change,
    run_attributes,
    sampler_seed,
    search_label,
)
from .progress import EndState

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial

    from ..stores.optuna_storage import SoleWriter

FROZEN = "mamlab.frozen"
VERDICT = "mamlab.verdict"
"""[step, whether the trial stops there, what the pruner remembers]; steps that were reported without it went on.

A step is an epoch; of a trial that goes seed by seed, its first, second, ... seed.
"""
EXPERIMENT = "mamlab.experiment"
"""Of the study: the id of its experiment in MLflow."""
SUPERSEDED = "mamlab.superseded"
"""Of the study: numbers of failed trials that others, their retries, replace; they count no more. (A trial that has ended takes no attribute.)"""
RESULT = "mamlab.result."
"""+ seed: [state, score] of one of several runs of a trial."""
STOPPED = "mamlab.stopped"
"""Of a trial of several seeds that was stopped early: how many it had. Its value is the estimate from these."""


SAMPLED_DRAWS, MOST_DRAWS = 20, 1000
"""Draws of a config within [space] max_compute: by the sampler, then at random."""


class Trials:
    """The Optuna study of one spec; this process is the only mamlab that writes it.

    Opening it sets what a dead driver left running back to waiting, and enqueues what is missing of the plan. Trials of
    other tools are passed over, but those that wait in a search: they are taken up where they fit the space.
    Raises StudyChanged if the study was started with another spec, ValueError if it is none that mamlab could have made.
    """

    def __init__(self, storage: SoleWriter, config: StudyConfig, data_checksum: str) -> None:
        self._storage, self._config, self._checksum = storage, config, data_checksum
        self._study = open_study(storage, config)
        self._refuse_other_direction()
        storage.show_only(is_ours)
        self._check_frozen()
        self.counts: Counter[str] = Counter()
        self.best: tuple[float, str, dict[str, Any]] | None = None
        self._waiting: deque[int] = deque()
        self._superseded = frozenset(self._study.user_attrs.get(SUPERSEDED, ()))
        self._results: dict[int, dict[int, tuple[str, float | None]]] = {}
        self._live: dict[int, Trial] = {}
        self._verdicts: dict[int, tuple[int, bool, dict[str, Any]]] = {}
        self._reported: dict[int, set[int]] = {}
        self._one_by_one = config.goes_seed_by_seed
        self._groups: dict[int, list[RunPlan]] = {}
        self._following: deque[RunPlan] = deque()
        self._skipped = 0
        self._taken: set[int] = set()
        """Trials of ours that another tool ended while we had them."""
        self._reconcile()
        self._enqueue()
        self._list_waiting()

    def check_file(self) -> None:
        """Raise StoreLost if the store's file is no longer the one that was opened."""
        self._storage.check_file()

    @property
    def notes(self) -> list[str]:
        """What to say of trials that are not ours."""
        return notes_on(self._every_trial(), wishes=self._config.kind == "search")

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
        """(trial, seed) of the runs that have ended and count."""
        ended = [one for one in self._study.get_trials(deepcopy=False) if one.state.is_finished()]
        counting = [one for one in ended if one.number not in self._superseded]
        return [(one.number, seed) for one in counting for seed in _results(one) or self._seeds(one)]

    def replace(self, numbers: Collection[int]) -> None:
        """Let others take the place of the trials of these `numbers`, as soon as the study is opened again."""
        self._study.set_user_attr(SUPERSEDED, sorted({*self._superseded, *numbers}))

    @property
    def not_ours(self) -> frozenset[int]:
        """Numbers of the trials that are not ours and have ended."""
        return frozenset(one.number for one in self._every_trial() if one.state.is_finished() and not is_ours(one))

    @property
    def planned(self) -> int:
        """Runs that the study wants in the end; 0 if only hours limit a search."""
        if self._config.kind == "search":
            trials = self._config.budget.trials
            wanted = max(trials, self.started + self._wishes - len(self._superseded)) if trials else 0
            return max(0, wanted * len(self._config.seeds) - self._skipped)
        return self.started - len(self._superseded)

    @property
    def more(self) -> bool:
        """Whether a trial is left to start."""
        trials = self._config.budget.trials
        left = trials is None or self.started - len(self._superseded) < trials
        return bool(self._following or self._waiting) or (self._config.kind == "search" and left)

    @property
    def open_runs(self) -> list[tuple[int, int]]:
        """(trial, seed) of the runs that are to be (re)started, for MLflow's side."""
        waiting = [self._storage.get_trial(trial_id) for trial_id in self._waiting]
        return [(t.number, seed) for t in waiting for seed in self._seeds(t) if RESULT + str(seed) not in t.user_attrs]

    def next(self) -> list[RunPlan]:
        """Start the next trial and return its runs that have no result yet; empty when there is none to start.

        Empty also for a trial that only had to be ended. A trial that goes seed by seed gives one run at a time, and
        its next one before any other trial's.
        """
        if self._following:
            return [self._following.popleft()]
        if (trial := self._start()) is None:
            return []
        frozen = self._storage.get_trial(trial._trial_id)
        plans = self._search_plans(trial, frozen) if self._config.kind == "search" else [self._cell_plan(frozen)]
        results = _results(frozen)
        left = [plan for plan in plans if plan.seed not in results]
        judged, stop, *notes = frozen.user_attrs.get(VERDICT, (0, False))
        self._verdicts[trial.number] = (judged, stop, notes[0] if notes else {})
        if self._decided(trial.number, results):  # the last driver died between the end of its last run and its own
            self._tell(trial, results, told=False)
            return []
        self._reported[trial.number] = set(frozen.intermediate_values)
        self._results[trial.number] = results
        self._live[trial.number] = trial
        if self._one_by_one:
            self._groups[trial.number] = left[1:]
        return left[:1] if self._one_by_one else left

    def _start(self) -> Trial | None:
        """Return the next trial, which runs now: one that waits, or a new one."""
        if self._config.kind == "search" and not self._waiting:
            self._storage.forget()  # somebody may have wished for something
            self._list_waiting()
        while self._waiting:
            if (trial := self._restart(self._waiting.popleft())) is not None:
                return trial
        return self._ask_next() if self.more else None

    def _decided(self, number: int, results: Results) -> bool:
        """Whether a trial with these `results` is over: all its runs are; seed by seed, also by one that failed or a verdict."""
        judged, stop, _ = self._verdicts[number]
        seeds = len(self._config.seeds) if self._config.kind == "search" else 1
        return is_over(results, seeds, one_by_one=self._one_by_one, stop=stop and judged == len(results))

    def put_first(self, numbers: Container[int]) -> int:
        """Let the waiting trials of these `numbers` be the next; return how many they are."""
        first = [one for one in self._waiting if self._storage.get_trial_number_from_id(one) in numbers]
        self._waiting = deque([*first, *(one for one in self._waiting if one not in first)])
        return len(first)

    def resync(self) -> None:
        """After the store was away: what was half done when it went is set back to waiting."""
        from optuna.trial import TrialState

        self._storage.forget()
        for trial in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if trial.number not in self._live:
                self._storage.set_trial_state_values(trial._trial_id, TrialState.WAITING)
        self._list_waiting()

    def judge(self, plan: RunPlan, epoch: EpochResult, *, answered: bool = False) -> bool:
        """Report an epoch to the pruner and return whether the run stops; a stored verdict is never asked for again.

        With `answered` the worker was told to go on while the store was away: that is the verdict, and the pruner
        is asked again at the next epoch.
        """
        if self._config.kind != "search" or len(self._config.seeds) > 1:
            return False
        last = epoch.epoch >= plan.config.budget.epochs  # after it there is nothing to save
        return self._judge(plan.trial, epoch.epoch, epoch.val_accuracy, unasked=answered or last, answered=answered)

    def judge_seed(self, plan: RunPlan, state: EndState, score: float | None) -> bool:
        """Report a run that has ended to the pruner of trials that go seed by seed; return whether the trial stops there."""
        if not self._one_by_one or state != "complete" or score is None:
            return False
        step = self._config.seeds.index(plan.seed) + 1
        return self._judge(plan.trial, step, score, unasked=step == len(self._config.seeds))

    def _judge(self, number: int, step: int, value: float, *, unasked: bool, answered: bool = False) -> bool:
        """Store the verdict on a step of a trial, then report it. `unasked`: without the pruner, it goes on."""
        trial, reported = self._live[number], self._reported[number]
        judged, stop, notes = self._verdicts[number]
        if step in reported:
            return stop and judged == step
        if judged != step:
            stop, notes = (False, {}) if unasked else self._ask(trial, step, value)
        stop = stop and not answered
        with self._unless_taken(number):
            if stop or notes or answered:
                trial.set_user_attr(VERDICT, [step, stop, notes])
                self._verdicts[number] = (step, stop, notes)
            for key, noted in notes.items():
                self._storage.set_trial_system_attr(trial._trial_id, key, noted)
            trial.report(value, step)
        reported.add(step)
        return stop

    def _ask(self, trial: Trial, step: int, value: float) -> tuple[bool, dict[str, Any]]:
        """Ask the pruner as if the step were reported; return its verdict, and what it wants to remember of the trial.

        Some pruners answer otherwise when asked twice, by what they remember: so it is stored with the verdict, and never
        without it.
        """
        frozen = self._storage.get_trial(trial._trial_id)
        frozen.intermediate_values[step] = value
        with self._storage.holding_back() as notes:
            stop = bool(self._study.pruner.prune(self._study, frozen))
        return stop, notes

    def end(self, plan: RunPlan, state: EndState, score: float | None) -> bool:
        """Write how a run ended; a trial ends with the last of its runs. Once more after a StoreAway is once.

        False if another tool has ended the trial meanwhile: its run counts for nothing, and another trial takes its place.
        """
        trial, results = self._live[plan.trial], {**self._results[plan.trial], plan.seed: (state, score)}
        stored = self._storage.get_trial(trial._trial_id)
        told, several = stored.state.is_finished(), self._config.kind == "search" and len(self._config.seeds) > 1
        if told and not is_ours(stored):
            self._taken.add(plan.trial)
        with self._unless_taken(plan.trial):
            if several and not told:
                trial.set_user_attr(f"{RESULT}{plan.seed}", [state, score])
            self._results[plan.trial] = results
            if (decided := self._decided(plan.trial, results)) and plan.trial not in self._taken:
                self._tell(trial, results, told)
        if plan.trial in self._taken:
            self._give_up(plan.trial)
            return False
        if decided:
            self._drop(plan.trial)
        elif self._one_by_one:
            self._following.append(self._groups[plan.trial].pop(0))
        self.counts[state] += 1
        return True

    def _drop(self, number: int) -> None:
        self._groups.pop(number, None)
        for book in (self._live, self._results, self._verdicts, self._reported):
            book.pop(number, None)

    def _give_up(self, number: int) -> None:
        """Leave a trial to the tool that ended it, and put what is missing of the plan into the queue again."""
        self._drop(number)
        self._enqueue()
        self._list_waiting()

    @contextmanager
    def _unless_taken(self, number: int) -> Iterator[None]:
        """Write of a trial of ours, unless another tool has ended it."""
        from optuna.exceptions import UpdateFinishedTrialError

        try:
            yield
        except UpdateFinishedTrialError:
            self._taken.add(number)
            self._storage.forget()

    def interrupt(self) -> None:
        """Set what has not ended back to waiting: trials keep number and parameters."""
        from optuna.trial import TrialState

        self._following.clear()
        while self._live:
            number, trial = next(iter(self._live.items()))
            with self._unless_taken(number):
                self._storage.set_trial_state_values(trial._trial_id, TrialState.WAITING)
            del self._live[number]

    def _list_waiting(self) -> None:
        """List what is to be (re)started: of ours, and the wishes of others. `started` counts ours."""
        searches = self._config.kind == "search"
        trials = [one for one in self._every_trial() if is_ours(one) or (searches and is_wish(one))]
        self._wishes = sum(map(is_wish, trials))
        self.started = len(trials) - self._wishes
        self._waiting = deque(
            trial._trial_id for trial in trials if not trial.state.is_finished() and trial.number not in self._live
        )

    def _every_trial(self) -> list[FrozenTrial]:
        return self._storage.every_trial(self._study._study_id)

    def _tell(self, trial: Trial, results: Results, told: bool) -> None:
        """End a trial; if it was `told` already, before the answer was lost, only note what came of it."""
        from optuna.trial import TrialState

        state = next((state for state, _ in results.values() if state != "complete"), "complete")
        value = group_value(results, self._config.study.score)
        seeds = len(self._config.seeds) if self._config.kind == "search" else 1
        skipped = seeds - len(results)
        if value is not None and skipped and self.best is not None:
            value = min(value, self.best[0])  # what was stopped for being worse cannot be the best
        if not told:
            ends = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED}
            trial.set_user_attr(STATE, state)
            if value is not None and skipped:
                trial.set_user_attr(STOPPED, len(results))
            self._study.tell(trial, value, state=ends.get(state, TrialState.FAIL))
        self._skipped += skipped
        if value is not None and not skipped:
            self._note_best(value, trial.user_attrs[LABEL], trial.params)

    def _note_best(self, value: float, label: str, params: dict[str, Any]) -> None:
        if self.best is None or value > self.best[0]:
            self.best = (value, label, params)

    def _refuse_other_direction(self) -> None:
        found = [direction.name.lower() for direction in self._study.directions]
        if found != ["maximize"]:
            raise InputError(
                f"the study \"{self._config.study.name}\" in Optuna's store is not mamlab's: it is to {' and '.join(found)}; "
                "give yours another name"
            )

    def _check_frozen(self) -> None:
        now = frozen_json(self._config, self._checksum)
        before = self._study.user_attrs.get(FROZEN)
        if before is None:
            space = self._config.space
            if space is not None and (problems := space.alike(self._config.base_tree)):
                raise SpecError(problems)
            self._study.set_user_attr(FROZEN, now)
        else:
            refuse_change(self._config.study.name, before, now)

    def _reconcile(self) -> None:
        """Count what has ended, and set back to waiting what a dead driver left running."""
        from optuna.trial import TrialState

        for trial in self._study.get_trials(deepcopy=False):
            if trial.state == TrialState.RUNNING:
                with self._unless_taken(trial.number):
                    self._storage.set_trial_state_values(trial._trial_id, TrialState.WAITING)
            if trial.number in self._superseded:
                continue
            results = _results(trial)
            self.counts.update(state for state, _ in results.values())
            if trial.state.is_finished() and not results:
                self.counts[trial.user_attrs[STATE]] += 1
            if trial.state.is_finished() and self._one_by_one:
                self._skipped += len(self._config.seeds) - len(results)
            if trial.state == TrialState.COMPLETE and STOPPED not in trial.user_attrs:
                assert trial.value is not None
                self._note_best(trial.value, trial.user_attrs[LABEL], trial.params)

    def _enqueue(self) -> None:
        """Put what is missing of the plan into Optuna's queue, before anything starts."""
        trials = self._study.get_trials(deepcopy=False)
        if self._config.kind == "search":
            there = {trial.user_attrs.get(PRESET) for trial in trials}
            for name, params in self._config.enqueued.items():
                if name not in there:
                    self._study.enqueue_trial(params, user_attrs={PRESET: name})
            self._enqueue_retries(trials)
            return
        counting = [trial.user_attrs for trial in trials if trial.number not in self._superseded]
        known = {(attrs["arm"], attrs["seed"]): attrs["cell"] for attrs in counting}
        planned = {
            pair: planned_fingerprint(self._config, *pair, self._checksum) for pair in planned_runs(self._config)
        }
        self._refuse_changed_arms(known, planned)
        for (arm, seed), fingerprint in planned.items():
            if (arm, seed) not in known:
                self._study.enqueue_trial({}, run_attributes(self._config, arm, seed, fingerprint))

    def _enqueue_retries(self, trials: Sequence[FrozenTrial]) -> None:
        """Enqueue the parameters of superseded trials; of a result that was lost, what the pruner said stays true."""
        from optuna.trial import TrialState, create_trial

        retried = {trial.user_attrs.get(RETRY_OF) for trial in trials}
        for trial in trials:
            if trial.number in self._superseded and trial.number not in retried:
                lost = trial.state != TrialState.FAIL
                kept = {
                    name: trial.user_attrs[name] for name in (PRESET, *[VERDICT] * lost) if name in trial.user_attrs
                }
                again = create_trial(
                    state=TrialState.WAITING,
                    user_attrs={RETRY_OF: trial.number, **kept},
                    system_attrs={**(trial.system_attrs if lost else {}), "fixed_params": trial.params},
                    intermediate_values=trial.intermediate_values if lost else None,
                )
                self._study.add_trial(again)

    def _refuse_changed_arms(self, known: dict[Any, str], planned: dict[Any, str]) -> None:
        for (arm, seed), fingerprint in known.items():
            what = f'study "{self._config.study.name}": arm "{arm}", seed {seed}'
            if (arm, seed) not in planned:
                raise StudyChanged(
                    f"{what} is no longer in the spec; arms and seeds may be added, not removed: put it back"
                )
            if planned[arm, seed] != fingerprint:
                raise StudyChanged(
                    f"{what} means another training than when the study started; give the new arm a new name"
                )

    def _ask_next(self) -> Trial:
        """Return a new trial, known as ours from the first moment."""
        import optuna

        new = optuna.trial.create_trial(state=optuna.trial.TrialState.RUNNING, user_attrs={OURS: True})
        trial_id = self._storage.create_new_trial(self._study._study_id, new)
        self._study.sampler = self._sampler(self._storage.get_trial_number_from_id(trial_id))
        self.started += 1
        return self._as_running(trial_id)

    def _as_running(self, trial_id: int) -> Trial:
        import optuna

        self._study._thread_local.cached_all_trials = None  # as Optuna's own `ask`: samplers see what has ended since
        return optuna.trial.Trial(self._study, trial_id)

    def _restart(self, trial_id: int) -> Trial | None:
        """Return a waiting trial as one that runs; None if another tool has ended it, or it was a wish that does not fit."""
        import optuna

        number = self._storage.get_trial_number_from_id(trial_id)
        if self._config.kind == "search":
            self._study.sampler = self._sampler(number)
        with self._unless_taken(number):
            if not self._grant(self._storage.get_trial(trial_id)):
                return None
            self._storage.set_trial_state_values(trial_id, optuna.trial.TrialState.RUNNING)
        if number in self._taken:
            self._give_up(number)
            return None
        trial = self._as_running(trial_id)
        if LABEL not in trial.user_attrs:
            # Parameters drawn before the driver died are drawn again, so that the later ones come out as they would have.
            trial._cached_frozen_trial.params, trial._cached_frozen_trial.distributions = {}, {}
        return trial

    def _grant(self, trial: FrozenTrial) -> bool:
        """Make a wish ours, or end it if it does not fit; True for what is to be trained."""
        from optuna.trial import TrialState

        if is_ours(trial):
            return True
        self._wishes -= 1
        if why := misfit(trial, self._config):
            self._storage.set_trial_user_attr(trial._trial_id, REFUSED, why)
            self._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
            return False
        self._storage.set_trial_user_attr(trial._trial_id, OURS, True)
        self.started += 1
        return True

    def _sampler(self, number: int, attempt: int = 0) -> Any:
        """Return the sampler of trial `number`; each `attempt` to draw it draws otherwise."""
        from ..spec.optuna_parts import make_sampler

        assert self._config.sampler is not None
        if attempt:
            section = self._config.sampler if attempt < SAMPLED_DRAWS else Named(name="random")
            uniform = section.name in ("qmc", "brute_force")  # these have one point for each trial
            again = sampler_seed(self._config.study.seed, f"{number}/{attempt}")
            return make_sampler(Named(name="random") if uniform else section, again)
        if self._config.sampler.name != "qmc":
            sampler: Any = make_sampler(self._config.sampler, sampler_seed(self._config.study.seed, number))
            if self._config.sampler.name == "brute_force":  # which would stop Optuna's own loop, and there is none
                sampler.after_trial = lambda study, trial, state, values: None
            return sampler
        sampler = make_sampler(self._config.sampler, self._config.study.seed)
        # One sequence, and each trial its own point: Optuna's count would pass over that of a driver that died drawing it.
        sampler._find_sample_id = lambda study, search_space: number
        return sampler

    def _search_plans(self, trial: Trial, frozen: FrozenTrial) -> list[RunPlan]:
        assert self._config.space is not None
        whole = PRESET in frozen.user_attrs or RETRY_OF in frozen.user_attrs
        if self._config.space.max_compute is not None and LABEL not in frozen.user_attrs and not whole:
            trial._fixed_params = self._affordable(trial)
        config, dropped = self._config.space.suggest(trial, self._config.base_tree)
        preset = frozen.user_attrs.get(PRESET)
        label = search_label(trial.number, trial.params, preset)
        trial.set_user_attr(LABEL, label)
        several = len(self._config.seeds) > 1
        return [
            RunPlan(
                trial.number, seed, f"{label} / seed {seed}" if several else label, config, dropped,
                fingerprint_of(config, seed, self._checksum), preset=preset, params=trial.params,
            )
            for seed in self._config.seeds
        ]  # fmt: skip

    def _affordable(self, trial: Trial) -> dict[str, Any]:
        """Return parameters of a config within `space.max_compute`: the first that the sampler draws, so no trial is spent on others.

        Optuna's constraints are soft, and only some samplers know them. After 20 draws of the sampler that are all beyond it,
        uniform ones follow.
        """
        import optuna

        assert self._config.space is not None
        for attempt in range(MOST_DRAWS):
            self._study.sampler = self._sampler(trial.number, attempt)
            with self._storage.drafting():
                draft = optuna.trial.Trial(self._study, trial._trial_id)
                draft._cached_frozen_trial.params, draft._cached_frozen_trial.distributions = {}, {}
                self._config.space.suggest(draft, self._config.base_tree)
            if not self._config.beyond_max_compute(draft.params):
                return draft.params
        if trial._fixed_params:  # what somebody wished is so dear whatever is drawn beside it
            return dict(trial._fixed_params)
        raise InputError(
            f"space.max_compute = {self._config.space.max_compute:g}: {MOST_DRAWS} draws were all beyond it; raise it, or make the space cheaper"
        )

    def _cell_plan(self, frozen: FrozenTrial) -> RunPlan:
        arm, seed = frozen.user_attrs["arm"], frozen.user_attrs["seed"]
        config, dropped = self._arm(arm)
        return RunPlan(
            frozen.number, seed, frozen.user_attrs[LABEL], config, dropped, frozen.user_attrs["cell"], arm=arm
        )

    def _arm(self, arm: str | None) -> Any:
        return (self._config.base, self._config.dropped) if arm is None else self._config.arms[arm]

    def _seeds(self, trial: FrozenTrial) -> tuple[int, ...]:
        return self._config.seeds if self._config.kind == "search" else (trial.user_attrs["seed"],)


def open_study(storage: SoleWriter, config: StudyConfig) -> Study:
    """Return Optuna's study of a spec, made if it is missing, with its pruner."""
    import optuna

    return optuna.create_study(
        study_name=config.study.name, storage=storage, direction="maximize", load_if_exists=True,
        sampler=optuna.samplers.RandomSampler(seed=0), pruner=_pruner(config),
    )  # fmt: skip


def _pruner(config: StudyConfig) -> Any:
    from optuna.pruners import NopPruner

    from ..spec.optuna_parts import make_pruner

    return make_pruner(config.pruner, config.base.budget.epochs) if config.pruner else NopPruner()


def _results(trial: FrozenTrial) -> dict[int, tuple[str, float | None]]:
    """Return the stored results of a trial of several runs, by seed."""
    return {int(name.removeprefix(RESULT)): tuple(v) for name, v in trial.user_attrs.items() if name.startswith(RESULT)}
