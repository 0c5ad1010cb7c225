"""TPE of a bounded history: which trials it models, and that within the bound nothing changes."""

import warnings
from typing import Any

import optuna
import pytest
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial, TrialState, create_trial

from study.spec.bounded_history import BEST, NEWEST, chosen
from study.spec.optuna_parts import make_sampler
from study.spec.sections import Named

DISTRIBUTIONS: dict[str, Any] = {
    "rate": optuna.distributions.FloatDistribution(0.0, 1.0),
    "part": optuna.distributions.CategoricalDistribution(("on", "off")),
}


def trial(number: int, value: float | None, steps: dict[int, float] | None = None) -> FrozenTrial:
    """Return an ended trial: complete with a value, else pruned after `steps`."""
    params = {"rate": (number * 0.37) % 1, "part": "on" if number % 3 else "off"}
    state = TrialState.PRUNED if value is None else TrialState.COMPLETE
    made = create_trial(
        state=state, value=value, params=params, distributions=DISTRIBUTIONS, intermediate_values=steps or {}
    )
    made.number = number
    return made


def study_of(trials: list[FrozenTrial]) -> optuna.Study:
    study = optuna.create_study(direction="maximize")
    study.add_trials(trials)
    return study


def draws(study: optuna.Study, sampler: TPESampler) -> dict[str, Any]:
    """Return what a sampler draws for one more trial, which then fails."""
    study.sampler = sampler
    asked = study.ask()
    found = {"rate": asked.suggest_float("rate", 0, 1), "part": asked.suggest_categorical("part", ("on", "off"))}
    found["late"] = asked.suggest_float("late", 0, 1)
    study.tell(asked, state=TrialState.FAIL)
    return found


def ours(seed: int) -> Any:
    return make_sampler(Named(name="tpe"), seed)


def optunas(seed: int) -> TPESampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return TPESampler(n_startup_trials=8, multivariate=True, group=True, constant_liar=True, seed=seed)


def test_the_best_and_the_newest_are_modelled_and_all_that_run() -> None:
    ended = [trial(number, 1 / (1 + abs(number - 150))) for number in range(1000)]
    running = create_trial(state=TrialState.RUNNING)
    running.number = 1000
    found = [one.number for one in chosen([*ended, running])]
    assert found in ([*range(101, 201), *range(700, 1001)], [*range(100, 200), *range(700, 1001)])  # 100 and 200 tie
    assert len(found) == BEST + NEWEST + 1


def test_the_best_of_what_is_minimized_are_the_lowest() -> None:
    found = chosen([trial(number, float(number)) for number in range(1000)], minimized=True)
    assert [one.number for one in found] == [*range(100), *range(700, 1000)]


def test_a_pruned_trial_is_better_the_later_and_then_the_higher_and_never_better_than_a_complete_one() -> None:
    pruned = [trial(number, None, {1 + number % 2: number / 1000}) for number in range(700)]
    complete = [trial(700 + number, -1.0) for number in range(50)]
    newest = [trial(750 + number, None, {1: 0.0}) for number in range(NEWEST)]
    best = [one.number for one in chosen([*pruned, *complete, *newest])][:BEST]
    assert best == [*range(601, 700, 2), *range(700, 750)]
    assert [one.number for one in chosen([trial(0, None), *pruned, *complete, *newest])][:1] == [601]


@pytest.mark.parametrize("ended", [5, BEST + NEWEST])
def test_within_the_bound_it_draws_what_optuna_draws(ended: int) -> None:
    trials = [trial(number, (number * 0.61) % 1 if number % 2 else None, {1: 0.5}) for number in range(ended)]
    assert draws(study_of(trials), ours(3)) == draws(study_of(trials), optunas(3))


def test_beyond_the_bound_it_draws_what_optuna_draws_of_those_that_are_chosen() -> None:
    trials = [trial(number, (number * 0.61) % 1) for number in range(500)]
    assert draws(study_of(trials), ours(3)) == draws(study_of(chosen(trials)), optunas(3))
    sampler = ours(3)
    modelled = _modelled(sampler)
    draws(study_of(trials), sampler)
    assert sum(modelled[:2]) == BEST + NEWEST  # the good and the poor ones


def test_beside_hyperband_it_draws_as_optunas_own() -> None:
    studies = [study_of([trial(number, (number * 0.61) % 1, {1: 0.5}) for number in range(40)]) for _ in range(2)]
    for study in studies:
        study.pruner = optuna.pruners.HyperbandPruner(min_resource=1, max_resource=9)
    assert draws(studies[0], ours(1)) == draws(studies[1], optunas(1))


def test_the_same_trial_is_drawn_again_as_by_a_new_sampler_with_models_that_are_kept() -> None:
    trials = [trial(number, (number * 0.61) % 1) for number in range(40)]
    sampler, study = ours(1), study_of(trials)
    study.sampler = sampler
    asked = study.ask()
    drawn = asked.suggest_float("rate", 0, 1)
    modelled = _modelled(sampler)
    sampler.draw_again(2)
    again = optuna.trial.Trial(study, asked._trial_id)
    again._cached_frozen_trial.params, again._cached_frozen_trial.distributions = {}, {}
    fresh = study_of(trials)
    fresh.sampler = ours(2)
    assert again.suggest_float("rate", 0, 1) == fresh.ask().suggest_float("rate", 0, 1) != drawn
    assert not modelled


def _modelled(sampler: Any) -> list[int]:
    """Return a list that gets the number of trials of each model that the sampler builds from now on."""
    made, build = list[int](), sampler._parzen_estimator_cls

    def counting(observations: Any, *others: Any) -> Any:
        made.append(len(next(iter(observations.values()))))
        return build(observations, *others)

    sampler._parzen_estimator_cls = counting
    return made
