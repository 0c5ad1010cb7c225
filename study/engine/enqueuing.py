"""Enqueues the missing trials of a study's plan in Optuna before anything starts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from search_spaces.portfolio import portfolio_of

from ..spec.config import StudyConfig
from .attributes import CONTINUED, CONTINUES, PRESET, RETRY_OF, VERDICT
from .plan import StudyChanged, planned_fingerprint, planned_runs, run_attributes

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial


def enqueue_missing(study: Study, config: StudyConfig, data_checksum: str, superseded: Collection[int]) -> list[str]:
    """Enqueue planned trials that the study lacks, and a retry for each `superseded` trial; return the names of a
    search's enqueued configs.

    Raises StudyChanged if an arm or seed of the study is no longer in the spec, or has other settings.
    """
    trials = study.get_trials(deepcopy=False)
    if config.kind == "search":
        names = _not_enqueued(config, {trial.user_attrs.get(PRESET) for trial in trials})
        for name in names:
            study.enqueue_trial(config.enqueued[name], user_attrs={PRESET: name})
        _enqueue_retries(study, trials, superseded)
        return names
    counting = [trial.user_attrs for trial in trials if trial.number not in superseded]
    known = {(attrs["arm"], attrs["seed"]): attrs["cell"] for attrs in counting}
    planned = {pair: planned_fingerprint(config, *pair, data_checksum) for pair in planned_runs(config)}
    _refuse_changed_arms(config.study.name, known, planned)
    for (arm, seed), fingerprint in planned.items():
        if (arm, seed) not in known:
            study.enqueue_trial({}, run_attributes(config, arm, seed, fingerprint))
    return []


def _not_enqueued(config: StudyConfig, there: Collection[str | None]) -> list[str]:
    """Return the names of the enqueued configs that are not `there` (None: a sampled trial).

    The portfolio comes before any sampled trial, or not at all: a search that an earlier version started goes on
    without it.
    """
    missing = [name for name in config.enqueued if name not in there]
    return [name for name in missing if None not in there or not portfolio_of(name)]


def tried_first(config: StudyConfig, names: Sequence[str]) -> tuple[str, ...]:
    """Return a note on the configs that a search's start has enqueued, with the way out for those that nobody asked
    for; empty for none.
    """
    by_default = config.study.enqueue is None and any(map(portfolio_of, names))
    out = "; [study] enqueue = [] leaves the portfolio out" if by_default else ""
    return (f"tried first: {', '.join(names)}{out}",) if names else ()


def _enqueue_retries(study: Study, trials: Sequence[FrozenTrial], superseded: Collection[int]) -> None:
    """Enqueue the parameters of superseded trials. If only a result was lost, keep the pruner's verdicts; a continued
    trial is not pruned again where it was.
    """
    from optuna.trial import TrialState, create_trial

    continued = study.user_attrs.get(CONTINUED, ())
    retried = {trial.user_attrs.get(RETRY_OF) for trial in trials}
    for trial in trials:
        if trial.number in superseded and trial.number not in retried:
            lost = trial.state != TrialState.FAIL
            kept = {name: trial.user_attrs[name] for name in (PRESET, *[VERDICT] * lost) if name in trial.user_attrs}
            if trial.number in continued and trial.state == TrialState.PRUNED:
                kept |= {CONTINUES: trial.number, VERDICT: [trial.last_step, False, {}]}
            again = create_trial(
                state=TrialState.WAITING,
                user_attrs={RETRY_OF: trial.number, **kept},
                system_attrs={**(trial.system_attrs if lost else {}), "fixed_params": trial.params},
                intermediate_values=trial.intermediate_values if lost else None,
            )
            study.add_trial(again)


def _refuse_changed_arms(study: str, known: dict[Any, str], planned: dict[Any, str]) -> None:
    for (arm, seed), fingerprint in known.items():
        what = f'study "{study}": arm "{arm}", seed {seed}'
        if (arm, seed) not in planned:
            raise StudyChanged(
                f"{what} is no longer in the spec; you can add arms and seeds but not remove them, so restore it"
            )
        if planned[arm, seed] != fingerprint:
            raise StudyChanged(
                f"{what} has other settings than when the study started; give the changed arm a new name"
            )
