"""The portfolio: known-good configs that a search tries first, where they fit its space."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import optuna
import pytest

from search_spaces.portfolio import CONFIGS
from study.engine.driver import run_study
from study.engine.enqueuing import enqueue_missing, tried_first
from study.engine.status import read_study
from study.python.running import prepared, with_limits
from study.spec.config import SpecError, StudyConfig
from study.spec.from_python import study_config
from study.spec.parsing import parse_spec
from study.stores.connect import open_mlflow
from study.stores.home import Home
from tests.homes import unpack

from .store_rows import SEARCH, fresh_home, mlflow_runs, optuna_trials, run

RATES = '"inner.lr" = {{ low = 0.01, high = 1.0, log = true }}\n"inner.steps"'
THREE = [f"portfolio {number}" for number in (1, 2, 3)]
WHOLE = """
[study]
name = "s"
{study}
[data]
source = "glyphs"
[trainer]
{trainer}
[space]
{space}
[budget]
trials = 6
"""


def whole(space: str = 'preset = "mamlpp"', study: str = "", trainer: str = "budget.epochs = 100") -> StudyConfig:
    return parse_spec(WHOLE.format(space=space, study=study, trainer=trainer))


def hunt(trials: int, study: str = "") -> StudyConfig:
    """Return a search by one worker for both learning rates and the inner steps."""
    text = SEARCH.replace('"inner.steps"', RATES).format(trials=trials, workers=1)
    return parse_spec(text.replace('name = "hunt"', f'name = "hunt"\n{study}'))


def presets(home: Home, name: str = "hunt") -> list[str | None]:
    return [trial.user_attrs.get("preset") for trial in optuna_trials(home, name)]


def test_the_predefined_space_tries_its_portfolio_first_in_every_value() -> None:
    config = whole()
    assert [*config.enqueued] == THREE
    assert [*config.enqueued.values()] == [pytest.approx(one) for one in CONFIGS]
    assert config.notes == ()


def test_ranges_and_fixed_values_of_the_space_are_respected() -> None:
    narrow = whole('preset = "mamlpp"\nfix = { lslr = "off" }\n"outer.lr" = { low = 0.001, high = 0.005, log = true }')
    assert [*narrow.enqueued] == ["portfolio 2", "portfolio 3"]
    assert not any(path.startswith("lslr") for one in narrow.enqueued.values() for path in one)
    few = whole('preset = "rates"')
    assert few.enqueued["portfolio 3"] == {"inner.lr": 0.197, "outer.lr": 0.00217}
    assert not whole('preset = "mamlpp"\n"inner.steps" = { low = 1, high = 2 }').enqueued
    assert not whole('preset = "components"').enqueued
    assert not whole('"outer.lr" = { low = 1e-4, high = 1e-2 }').enqueued


def test_what_the_portfolio_does_not_set_is_the_bases_and_positions_follow_the_range() -> None:
    more = whole('preset = "mamlpp"\n"outer.beta1" = { choices = [0.5, 0.9] }\n"msl.epochs" = { low = 1, high = 100 }')
    assert (more.enqueued["portfolio 1"]["outer.beta1"], more.enqueued["portfolio 1"]["msl.epochs"]) == (0.9, 97)
    assert not whole('preset = "rates"\n"outer.beta1" = { choices = [0.5, 0.6] }').enqueued
    own = whole(trainer="ca.min_lr = 1e-5")
    assert own.space is not None
    tried, _ = own.space.suggest(optuna.trial.FixedTrial(own.enqueued["portfolio 1"]), own.base_tree)
    assert tried.ca.min_lr == 1e-5


def test_configs_that_become_the_same_or_cost_too_much_are_left_out() -> None:
    steps = '"inner.steps" = { low = 1, high = 5 }'
    assert whole(steps, 'enqueue = ["portfolio"]').enqueued == {"portfolio 1": {"inner.steps": 3}}
    cheap = whole('preset = "mamlpp"\nmax_compute = 0.55')
    costs = {name: whole().compute(_config(name)) for name in THREE}
    assert [*cheap.enqueued] == [name for name in THREE if costs[name] <= 0.55]
    assert 0 < len(cheap.enqueued) < 3


def _config(name: str) -> object:
    config = whole()
    assert config.space is not None
    return config.space.suggest(optuna.trial.FixedTrial(config.enqueued[name]), config.base_tree)[0]


def test_what_a_spec_enqueues_itself_takes_its_place() -> None:
    assert whole(study="enqueue = []").enqueued == {}
    assert [*whole(study='enqueue = ["mamlpp"]').enqueued] == ["mamlpp"]
    assert [*whole(study='enqueue = ["mamlpp", "portfolio"]').enqueued] == ["mamlpp", *THREE]
    made = study_config("s", data="glyphs", space="mamlpp", budget={"trials": 6})
    assert [*made.enqueued] == THREE
    assert not study_config("s", data="glyphs", space="mamlpp", budget={"trials": 6}, enqueue=[]).enqueued


def test_the_way_out_is_named_to_those_who_did_not_ask_for_it() -> None:
    first = "tried first: portfolio 1"
    assert tried_first(whole(), THREE[:1]) == (f"{first}; [study] enqueue = [] leaves the portfolio out",)
    assert tried_first(whole(study='enqueue = ["portfolio"]'), THREE[:1]) == (first,)
    assert tried_first(whole(), []) == ()


def test_a_portfolio_that_was_asked_for_and_does_not_fit_is_an_error_with_the_way_out() -> None:
    with pytest.raises(SpecError) as caught:
        whole('preset = "mamlpp"\n"inner.steps" = { low = 1, high = 2 }', 'enqueue = ["portfolio"]')
    (line,) = caught.value.problems
    assert line.startswith(
        'study.enqueue "portfolio": none of its configs is in the space (portfolio 1: inner.steps = 3'
    )
    assert line.endswith('portfolio 3: inner.steps = 3 is outside 1 to 2); widen the space, or remove "portfolio"')
    with pytest.raises(SpecError, match=r"portfolio 1: none of its settings is searched"):
        whole('"model.filters" = { low = 4, high = 8 }', 'enqueue = ["portfolio"]')


def test_the_frozen_part_is_as_before_there_was_a_portfolio() -> None:
    frozen = whole().frozen_part()
    assert frozen == whole(study="enqueue = []").frozen_part()
    assert frozen["study"] == {"name": "s"}


def test_a_search_is_resumed_and_extended_without_a_second_portfolio(tmp_path: Path) -> None:
    home = fresh_home(tmp_path)
    run(hunt(2), home)
    assert presets(home) == THREE[:2]
    run(hunt(5), home)
    assert presets(home) == [*THREE, None, None]
    found = {one.info.run_name: one.data.tags.get("preset") for one in mlflow_runs(home, "hunt")}
    assert found["trial-001 portfolio 2 S=3 lr=0.075 outer=0.0034"] == "portfolio 2"
    run(hunt(5, "enqueue = []"), home)
    assert presets(home) == [*THREE, None, None]


def test_a_search_that_began_without_it_goes_on_without_it(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    homes = fresh_home(tmp_path / "one"), fresh_home(tmp_path)
    run(hunt(3, "enqueue = []"), homes[0])
    run(hunt(5), homes[0])
    run(hunt(5, "enqueue = []"), homes[1])
    one, two = ([trial.params for trial in optuna_trials(home, "hunt")] for home in homes)
    assert presets(homes[0]) == [None] * 5
    assert one == two


def test_a_start_that_was_killed_while_it_enqueued_is_completed() -> None:
    config = hunt(5)
    begun = replace(config, enqueued={name: config.enqueued[name] for name in THREE[:2]})
    study = optuna.create_study(direction="maximize")
    assert enqueue_missing(study, begun, "", ()) == THREE[:2]
    assert enqueue_missing(study, config, "", ()) == THREE[2:]
    assert enqueue_missing(study, config, "", ()) == []
    assert [trial.user_attrs["preset"] for trial in study.get_trials()] == THREE


@pytest.mark.parametrize("before", ["", "enqueue = []"])
def test_a_lost_store_and_a_lost_run_come_back_with_the_portfolio_only_if_it_was_there(
    before: str, tmp_path: Path
) -> None:
    home = fresh_home(tmp_path)
    run(hunt(5, before), home)
    had = [(trial.user_attrs.get("preset"), trial.params) for trial in optuna_trials(home, "hunt")]
    second = next(one for one in mlflow_runs(home, "hunt") if one.info.run_name.startswith("trial-001"))
    open_mlflow(home).delete_run(second.info.run_id)
    for file in home.root.glob("optuna.db*"):
        file.unlink()
    run(hunt(6), home)
    assert [(trial.user_attrs.get("preset"), trial.params) for trial in optuna_trials(home, "hunt")][:5] == had
    assert presets(home)[5] is None


@pytest.mark.slow
def test_a_search_of_the_version_before_goes_on_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(unpack(tmp_path))
    home = Home(Path("runs"))
    config = parse_spec(Path("search.toml").read_text().replace("trials = 10", "trials = 11"))
    assert [*config.enqueued] == THREE
    before = [trial.params for trial in optuna_trials(home, "se")]
    assert run_study(prepared(config, home), home, lambda _: None).finished
    assert presets(home, "se") == [None] * 11
    assert [trial.params for trial in optuna_trials(home, "se")][:10] == before


def test_by_default_it_takes_no_more_trials_than_the_budget_has() -> None:
    assert [*hunt(2).enqueued] == THREE[:2]
    assert [*hunt(4).enqueued] == THREE
    assert [*hunt(2, 'enqueue = ["portfolio"]').enqueued] == THREE  # what a user names runs beyond the budget


def test_another_number_of_trials_at_the_start_bounds_it_too_and_is_what_status_plans(tmp_path: Path) -> None:
    assert [*with_limits(hunt(4), None, 1).enqueued] == THREE[:1]
    assert [*with_limits(hunt(1), None, 4).enqueued] == THREE
    home = fresh_home(tmp_path)
    config = with_limits(hunt(4), None, 2)
    run(config, home)
    assert presets(home) == THREE[:2]
    assert read_study(home, "hunt").planned == 2
