"""Every sampler and pruner of a spec file in a search of its own, with the stand-in; and the limit of work."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from search_spaces.trials import FixedParams
from study.spec.config import SpecError, StudyConfig
from study.spec.optuna_parts import PRUNERS, SAMPLERS
from study.spec.parsing import parse_spec

from .store_rows import check_stores, fresh_home, mlflow_runs, optuna_trials, run

SEARCH = """
[study]
name = "hunt"
seed = 3
{study}
[data]
source = "glyphs"
[trainer]
budget = {{ epochs = 4, iterations = 1 }}
evaluation = {{ val_tasks = 2 }}
[space]
"outer.lr" = {{ low = 1e-4, high = 1e-1, log = true }}
"inner.steps" = {{ low = 2, high = 5 }}
{space}
[sampler]
name = "{sampler}"
{sampler_options}
[pruner]
name = "{pruner}"
{pruner_options}
[budget]
trials = {trials}
[execution]
workers = 1
keep = "none"
"""
SAMPLER_OPTIONS = {
    "tpe": "n_startup_trials = 2",
    "gp": "n_startup_trials = 2",
    "cmaes": "n_startup_trials = 2",
    "qmc": 'qmc_type = "halton"',
    "nsgaii": "population_size = 2",
}
FINITE = '"inner.steps" = { choices = [2, 3] }\n"outer.lr" = { choices = [0.1, 0.01] }'
PRUNER_OPTIONS = {
    "median": "n_startup_trials = 1\nn_warmup_steps = 0",
    "percentile": "percentile = 25.0\nn_startup_trials = 1\nn_warmup_steps = 0",
    "hyperband": "min_resource = 1\nreduction_factor = 2",
    "successive_halving": "min_resource = 1\nreduction_factor = 2",
    "short_look": "epochs = 1\none_in = 2",
    "patient": "patience = 0",
    "threshold": "lower = 0.2",
    "wilcoxon": "p_threshold = 0.3",
}
STOPS = sorted(set(PRUNERS) - {"none", "patient", "wilcoxon"})


def search(
    trials: int = 5, sampler: str = "random", pruner: str = "none", study: str = "", space: str = ""
) -> StudyConfig:
    """Return a search of four-epoch trials."""
    text = SEARCH.format(
        trials=trials, sampler=sampler, pruner=pruner, study=study, space=space,
        sampler_options=SAMPLER_OPTIONS.get(sampler, ""), pruner_options=PRUNER_OPTIONS.get(pruner, ""),
    )  # fmt: skip
    if sampler == "brute_force":
        text = text.replace(
            '"outer.lr" = { low = 1e-4, high = 1e-1, log = true }\n"inner.steps" = { low = 2, high = 5 }', FINITE
        )
    return parse_spec(text)


def _rest_slow(names: Iterable[str], often: set[str]) -> list[Any]:
    return [name if name in often else pytest.param(name, marks=pytest.mark.slow) for name in sorted(names)]


@pytest.mark.parametrize("name", _rest_slow(SAMPLERS, {"tpe", "random", "brute_force"}))
def test_a_search_with_each_sampler_tries_as_many_configs_as_planned(tmp_path: Path, name: str) -> None:
    trials = 4 if name == "brute_force" else 5
    home, config = fresh_home(tmp_path), search(trials, sampler=name)
    last = run(config, home)
    assert last.counts == {"complete": trials} == check_stores(home, config, trials)
    tried = {tuple(sorted(trial.params.items())) for trial in optuna_trials(home, "hunt")}
    assert len(tried) == trials or name == "nsgaii"  # whose children may be like their parents


@pytest.mark.parametrize("name", _rest_slow(PRUNERS, {"successive_halving", "hyperband", "wilcoxon", "patient"}))
def test_a_search_with_each_pruner_stops_what_it_should(tmp_path: Path, name: str) -> None:
    seeds = "seeds_per_trial = 5" if name == "wilcoxon" else ""
    home, config = fresh_home(tmp_path), search(5, pruner=name, study=seeds)
    last = run(config, home)
    check_stores(home, config, 5)
    stopped = [t for t in optuna_trials(home, "hunt") if t.state.name == "PRUNED" or "mamlab.stopped" in t.user_attrs]
    assert last.finished
    assert bool(stopped) == (name in [*STOPS, "wilcoxon"])  # an accuracy that only rises tries no patience


@pytest.mark.parametrize("sampler", ["tpe", pytest.param("qmc", marks=pytest.mark.slow)])
def test_no_trial_takes_more_work_than_the_space_allows_and_none_is_spent_on_that(tmp_path: Path, sampler: str) -> None:
    """The base takes 5 steps; two steps take less than half of it, three more than half."""
    home, config = fresh_home(tmp_path), search(5, sampler=sampler, space="max_compute = 0.5")
    run(config, home)
    assert check_stores(home, config, 5) == {"complete": 5}
    trials = optuna_trials(home, "hunt")
    assert {trial.params["inner.steps"] for trial in trials} == {2}
    assert len({trial.params["outer.lr"] for trial in trials}) == 5
    assert all(one.data.metrics["work"] <= 0.5 for one in mlflow_runs(home, "hunt"))
    assert config.space is not None
    two, three = ({"outer.lr": 0.001, "inner.steps": steps} for steps in (2, 3))
    assert config.beyond_max_compute(two) == ""
    assert config.beyond_max_compute(three).endswith(
        "times the base's compute, but space.max_compute is 0.5; raise that limit, or remove it"
    )
    assert config.compute(config.space.suggest(FixedParams(three), config.base_tree)[0]) > 0.5


def test_a_search_within_a_limit_of_work_that_goes_on_draws_what_it_would_have_drawn_at_once(tmp_path: Path) -> None:
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    whole.mkdir()
    halves.mkdir()
    at_once, in_two = fresh_home(whole), fresh_home(halves)
    run(search(6, sampler="tpe", space="max_compute = 0.5"), at_once)
    run(search(3, sampler="tpe", space="max_compute = 0.5"), in_two)
    run(search(6, sampler="tpe", space="max_compute = 0.5"), in_two)
    first, second = ([trial.params for trial in optuna_trials(home, "hunt")] for home in (at_once, in_two))
    assert first == second


def test_a_preset_beyond_the_limit_of_work_cannot_be_enqueued() -> None:
    with pytest.raises(
        ValueError, match=r'study.enqueue "maml": it needs 1 times the base\'s compute, but space.max_compute is 0.5'
    ):
        search(study='enqueue = ["maml"]', space="max_compute = 0.5")


@pytest.mark.parametrize(
    ("section", "options", "problem"),
    [
        ("pruner", 'name = "hyperband"\nreduction_factor = 1', "pruner.reduction_factor: must be at least 2, not 1"),
        ("pruner", 'name = "hyperband"\nmin_resource = 0', "pruner.min_resource: must be at least 1, not 0"),
        ("pruner", 'name = "successive_halving"\nreduction_factor = 1', "reduction_factor: must be at least 2, not 1"),
        ("sampler", 'name = "tpe"\nn_ei_candidates = 0', "sampler.n_ei_candidates: must be at least 1, not 0"),
        ("sampler", 'name = "gp"\nn_startup_trials = -1', "sampler.n_startup_trials: must be at least 0, not -1"),
        ("sampler", 'name = "brute_force"', "space.outer.lr: brute_force tries every value, and a range"),
    ],
)
def test_options_that_optuna_would_stumble_over_later_are_refused(section: str, options: str, problem: str) -> None:
    empty = dict.fromkeys(["study", "space", "sampler_options", "pruner_options"], "")
    text = SEARCH.format(trials=5, sampler="random", pruner="none", **empty)
    before = {"sampler": 'name = "random"', "pruner": 'name = "none"'}[section]
    assert before in text
    with pytest.raises(SpecError) as caught:
        parse_spec(text.replace(before, options))
    assert problem in str(caught.value)
