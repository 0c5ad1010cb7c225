"""A space asks for what can have an effect, and what it asks for reaches the config."""

from typing import Any

import optuna
import pytest

from search_spaces import SPACES, Choice, FixedParams, Range, SearchSpace
from search_spaces.dimensions import setting_paths
from trainers.overrides import merge, settings
from trainers.presets import preset

BASE = preset("mamlpp")
ON = {"inner.steps": 3, "msl": "on", "da": "on", "lslr": "on", "ca": "on", "bnwb": "on", "ca.period": 0.5}


def _params(space: SearchSpace, path: str, value: Any) -> dict[str, Any]:
    defaults = {p: d.ends()[0] for p, d in space.dimensions.items()}
    return {**defaults, **{p: v for p, v in ON.items() if p in space.dimensions}, path: value}


@pytest.mark.parametrize(
    ("space", "path", "value"),
    [(n, p, v) for n, dims in SPACES.items() for p, d in dims.items() for v in d.ends() if v != "off"],
)
def test_every_dimension_of_every_ready_space_reaches_the_config(space: str, path: str, value: Any) -> None:
    ready = SearchSpace(SPACES[space])
    params = _params(ready, path, value)
    if path == "ca.restart_decay":
        params["ca.period"] = 0.25
    config, _ = ready.suggest(optuna.trial.FixedTrial(params), BASE)
    assert settings(config)[path] == value or (path, value) == ("inner.steps", 1)


@pytest.mark.parametrize("component", ["msl", "da", "lslr", "ca", "bnwb"])
def test_every_switch_switches_off(component: str) -> None:
    ready = SearchSpace(SPACES["mamlpp"])
    config, _ = ready.suggest(optuna.trial.FixedTrial(_params(ready, component, "off")), BASE)
    assert getattr(config, component) == "off"


def test_a_component_that_is_off_is_not_asked_for_its_settings() -> None:
    space = SearchSpace({"msl": Choice(("on", "off")), "msl.epochs": Range(0.1, 0.9)})
    config, _ = space.suggest(FixedParams({"msl": "off"}), BASE)  # a KeyError if msl.epochs were asked for
    assert config.msl == "off"


def test_one_inner_step_leaves_nothing_to_weigh() -> None:
    space = SearchSpace({"msl": Choice(("on", "off")), "inner.steps": Range(1, 3), "msl.epochs": Range(0.1, 0.9)})
    config, dropped = space.suggest(FixedParams({"inner.steps": 1}), BASE)
    assert config.msl == "off"
    assert "msl" in [inert.path for inert in dropped]


def test_tau_is_asked_for_only_with_the_schedule_that_uses_it() -> None:
    space = SearchSpace({"msl.tau": Range(0.2, 0.8), "msl.schedule": Choice(("linear", "ema"))})
    space.suggest(FixedParams({"msl.schedule": "linear"}), BASE)
    config, _ = space.suggest(FixedParams({"msl.schedule": "ema", "msl.tau": 0.3}), BASE)
    assert settings(config)["msl.tau"] == 0.3


def test_switching_a_component_on_keeps_the_settings_of_the_base() -> None:
    space = SearchSpace({"msl": Choice(("on", "off"))})
    config, _ = space.suggest(FixedParams({"msl": "on"}), {"msl": {"schedule": "cosine"}})
    assert settings(config)["msl.schedule"] == "cosine"


def test_params_of_a_config_give_that_config_back() -> None:
    space = SearchSpace(SPACES["mamlpp"])
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(30):
        config, _ = space.suggest(study.ask(), BASE)
        again, _ = space.suggest(FixedParams(space.params_of(config, BASE)), BASE)
        assert again == config


def test_params_of_names_what_is_out_of_range() -> None:
    space = SearchSpace({"inner.steps": Range(1, 3)})
    config, _ = SearchSpace({"inner.steps": Range(1, 9)}).suggest(FixedParams({"inner.steps": 5}), BASE)
    with pytest.raises(ValueError, match=r"inner\.steps = 5 is outside 1 to 3"):
        space.params_of(config, BASE)


def test_a_position_is_converted_to_the_unit_of_its_range() -> None:
    assert Range(1, 50).convert(0.1, 100, "msl.epochs") == 10
    assert Range(0.1, 0.5).convert(20, 100, "msl.epochs") == 0.2


def test_the_hash_tells_types_apart_and_ignores_the_order_of_paths() -> None:
    epochs, shares = {"msl.epochs": Range(0, 1)}, {"msl.epochs": Range(0.0, 1.0)}
    rate = {"inner.lr": Range(0.1, 1.0)}
    assert SearchSpace(epochs).hash != SearchSpace(shares).hash
    assert SearchSpace({**epochs, **rate}).hash == SearchSpace({**rate, **epochs}).hash


def test_nested_and_quoted_tables_are_the_same_space() -> None:
    nested = {"msl": {"choices": ["on", "off"], "epochs": {"low": 1, "high": 5}}}
    quoted = {"msl": {"choices": ["on", "off"]}, "msl.epochs": {"low": 1, "high": 5}}
    assert SearchSpace.from_table(nested).hash == SearchSpace.from_table(quoted).hash


def test_whole_numbers_are_read_as_floats_where_the_setting_is_one() -> None:
    space = SearchSpace.from_table({"inner.lr": {"low": 1, "high": 2}})
    assert space.dimensions["inner.lr"] == Range(1.0, 2.0)


def test_a_step_is_kept() -> None:
    space = SearchSpace.from_table({"model.filters": {"low": 16, "high": 64, "step": 16}})
    assert [n for n in range(100) if space.dimensions["model.filters"].contains(n)] == [16, 32, 48, 64]


def test_a_component_that_the_base_makes_too_short_is_searched_if_its_length_is() -> None:
    space = SearchSpace.from_table({"preset": "mamlpp"})
    base = merge(preset("mamlpp"), {"budget": {"epochs": 4}})  # a tenth of 4 epochs is none
    assert {"msl", "msl.schedule", "msl.epochs"} <= space.fit(base).dimensions.keys()


EVERY_SETTING: dict[str, dict[str, Any]] = {
    "episodes.ways": {"low": 2, "high": 10},
    "episodes.shots": {"low": 1, "high": 5},
    "episodes.queries": {"low": 1, "high": 15, "step": 2},
    "episodes.tasks": {"low": 1, "high": 16, "log": True},
    "model.filters": {"low": 8, "high": 64, "step": 8},
    "model.blocks": {"low": 2, "high": 4},
    "model.downsample": {"choices": ["max_pool", "stride"]},
    "model.init_seed": {"low": 0, "high": 9},
    "inner.steps": {"low": 2, "high": 5},
    "inner.evaluation_steps": {"low": 6, "high": 10},
    "inner.lr": {"low": 0.01, "high": 1.0, "log": True},
    "msl": {"choices": ["on", "off"]},
    "msl.schedule": {"choices": ["linear", "ema", "cosine", "constant"]},
    "msl.epochs": {"low": 1, "high": 50},
    "msl.tau": {"low": 0.2, "high": 0.8},
    "da": {"choices": ["on", "off"]},
    "da.first_order_epochs": {"low": 0.1, "high": 1.0},
    "lslr": {"choices": ["on", "off"]},
    "lslr.granularity": {"choices": ["shared", "per_layer", "per_layer_per_step", "per_parameter"]},
    "ca": {"choices": ["on", "off"]},
    "ca.min_lr": {"low": 1e-6, "high": 1e-4, "log": True},
    "ca.period": {"low": 0.1, "high": 0.5},
    "ca.period_mult": {"low": 1, "high": 3},
    "ca.restart_decay": {"low": 0.5, "high": 1.0, "step": 0.1},
    "bnrs": {"choices": ["on", "off"]},
    "bnwb": {"choices": ["on", "off"]},
    "norm.queries": {"choices": ["batch", "running"]},
    "norm.momentum": {"low": 0.05, "high": 0.5},
    "outer.lr": {"low": 1e-4, "high": 1e-2, "log": True},
    "outer.beta1": {"low": 0.8, "high": 0.95},
    "outer.beta2": {"low": 0.95, "high": 0.999},
    "outer.weight_decay": {"low": 1e-6, "high": 1e-3, "log": True},
    "outer.clip": {"low": 1.0, "high": 10.0, "log": True},
    "budget.epochs": {"low": 50, "high": 150, "step": 50},
    "budget.iterations": {"low": 100, "high": 500, "log": True},
    "evaluation.val_tasks": {"low": 100, "high": 600},
    "evaluation.test_tasks": {"low": 100, "high": 600},
    "evaluation.top_k": {"low": 1, "high": 5},
    "precision": {"choices": ["float32", "float64"]},
}
"""Log, step, whole numbers, shares and epochs, choices, switches."""


def test_every_setting_of_a_training_can_be_searched_alone_and_all_can_be_together() -> None:
    assert EVERY_SETTING.keys() == setting_paths().keys()
    together = SearchSpace.from_table(EVERY_SETTING)
    seen: dict[str, set[Any]] = {path: set() for path in EVERY_SETTING}
    for draw in together.draws(100):
        config, _ = together.suggest(draw, BASE)
        for path, value in settings(config).items():
            if path in seen:
                seen[path].add(value)
    assert {path: len(values) for path, values in seen.items() if len(values) < 2} == {}
    for path, table in EVERY_SETTING.items():
        alone = SearchSpace.from_table({path: table})
        assert alone.params_of(alone.suggest(next(alone.draws(1)), BASE)[0], BASE).keys() <= {path}


@pytest.mark.parametrize("name", ["device", "tasks_at_once", "compile", "graphs"])
def test_a_setting_that_changes_no_result_is_not_searched(name: str) -> None:
    with pytest.raises(ValueError, match=rf"^space\.{name}: it says where and how fast a training runs"):
        SearchSpace.from_table({name: {"choices": ["auto", "cpu"]}})
