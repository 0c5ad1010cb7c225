"""A config holds nothing without effect; one training has one identity."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from trainers.config import TrainerConfig
from trainers.data import ImageFolder
from trainers.errors import InputError
from trainers.fingerprint import fingerprint_of
from trainers.inert import CONDITIONAL
from trainers.known_method import MAMLPP
from trainers.overrides import flatten, merge, normalise, read_value, settings
from trainers.presets import PRESETS, preset
from trainers.sections import DA, LSLR, MSL, Budget, resolve

INERT: list[tuple[dict[str, Any], str]] = [
    ({"inner.steps": 1, "msl": "on"}, "msl"),
    ({"inner.steps": 1, "lslr.granularity": "per_layer_per_step"}, "lslr.granularity"),
    ({"inner.steps": 1, "bnwb": "on"}, "bnwb"),
    ({"inner.steps": 1, "bnrs": "on", "norm.queries": "running"}, "bnrs"),
    ({"bnrs": "on"}, "bnrs"),
    ({"norm.momentum": 0.2}, "norm.momentum"),
    ({"msl.tau": 0.2}, "msl.tau"),
    ({"msl.epochs": 0}, "msl"),
    ({"da.first_order_epochs": 0.0}, "da"),
    ({"ca.min_lr": 1e-3}, "ca"),
    ({"ca.min_lr": 1e-2}, "ca"),
    ({"ca.period": 1}, "ca"),
    ({"ca": "on", "budget.epochs": 1}, "ca"),
    ({"ca.period_mult": 2}, "ca.period_mult"),
    ({"ca.restart_decay": 0.5}, "ca.restart_decay"),
    ({"inner.evaluation_steps": 5}, "inner.evaluation_steps"),
]


@pytest.mark.parametrize(("overrides", "path"), INERT)
def test_a_typed_setting_without_effect_is_refused_and_otherwise_dropped(overrides: dict[str, Any], path: str) -> None:
    tree = merge({}, overrides)
    with pytest.raises(ValidationError, match=f"{path} has no effect"):
        TrainerConfig.model_validate(tree)
    with pytest.raises(ValueError, match=f"{path} has no effect"):
        normalise(tree, typed=tree)
    config, dropped = normalise(tree)
    assert [inert.path for inert in dropped] == [path]
    assert TrainerConfig.model_validate(config.model_dump()) == config


def test_every_setting_that_can_lack_an_effect_is_named_for_search_spaces() -> None:
    assert {path for _, path in INERT} == CONDITIONAL


def test_normalising_twice_changes_nothing() -> None:
    for overrides, _ in INERT:
        config, _ = normalise(merge({}, overrides))
        assert normalise(config.model_dump()) == (config, ())


def test_on_stands_for_a_components_defaults() -> None:
    config = TrainerConfig.model_validate({"msl": "on", "da": "on", "lslr": "on"})
    assert (config.msl, config.da, config.lslr) == (MSL(), DA(), LSLR())


@pytest.mark.parametrize(
    ("position", "epochs", "result"), [(7, 100, 7), (0.1, 100, 10), (0.5, 5, 3), (1.0, 9, 9), (0.0, 9, 0)]
)
def test_a_position_is_epochs_or_a_share(position: float, epochs: int, result: int) -> None:
    assert resolve(position, epochs) == result


@pytest.mark.parametrize("value", [-1, 1.5, True, "half", float("nan")])
def test_other_positions_are_refused(value: Any) -> None:
    with pytest.raises(ValidationError):
        TrainerConfig.model_validate({"msl": {"epochs": value}})


def test_numbers_of_numpy_are_pythons_own() -> None:
    four: Any = np.array(4)
    given: Any = {"inner": {"steps": np.int64(2), "lr": np.float32(0.5)}, "ca": {"period": np.float64(0.5)}}
    config = TrainerConfig(**given, budget=Budget(epochs=four))
    plain = {"inner": {"steps": 2, "lr": 0.5}, "ca": {"period": 0.5}, "budget": {"epochs": 4}}
    assert config == TrainerConfig.model_validate(plain)
    assert {type(value) for value in flatten(config.model_dump()).values()} <= {int, float, str, bool, type(None)}
    size: Any = np.int16(28)
    assert ImageFolder(path=Path("pictures"), size=size).size == 28
    given["inner"]["steps"] = np.float64(3)
    with pytest.raises(InputError, match=r"^inner.steps: must be a whole number, not 3.0$"):
        TrainerConfig(**given)


def test_merging_sets_dotted_paths_and_nested_tables_alike() -> None:
    base = {"msl": "off", "inner": {"steps": 5, "lr": 0.1}}
    merged = merge(base, {"msl.epochs": 3}, {"inner": {"steps": 2}})
    assert merged == {"msl": {"epochs": 3}, "inner": {"steps": 2, "lr": 0.1}}
    assert base == {"msl": "off", "inner": {"steps": 5, "lr": 0.1}}
    assert flatten(merged) == {"msl.epochs": 3, "inner.steps": 2, "inner.lr": 0.1}


def test_a_cell_is_the_training_and_not_how_it_is_written() -> None:
    def cell(overrides: dict[str, Any], seed: int = 0, data: str = "d") -> str:
        return fingerprint_of(normalise(merge({"budget": {"epochs": 100}}, overrides))[0], seed, data)

    assert len(cell({})) == 64
    assert cell({"msl.epochs": 10}) == cell({"msl.epochs": 0.1}) == cell({"msl": "on"})
    assert cell({"device": "cpu"}) == cell({})
    assert cell({"inner.steps": 5}) == cell({})
    assert (
        len({cell({}), cell({}, seed=1), cell({}, data="e"), cell({"msl": "on"}), cell({"precision": "float64"})}) == 5
    )


def test_settings_are_flat() -> None:
    flat = settings(TrainerConfig())
    assert (flat["inner.steps"], flat["msl"], flat["outer.clip"]) == (5, "off", "off")


def test_cells_are_numbers_truth_values_or_words() -> None:
    texts = (" 3", "0.5", "1e-3", "true", "linear", "None")
    assert [read_value(text) for text in texts] == [3, 0.5, 1e-3, True, "linear", None]


@pytest.mark.parametrize("name", list(PRESETS))
def test_a_config_is_read_back_from_its_record(name: str) -> None:
    config = normalise(merge(preset(name), {"outer.lr": 0.1 + 0.2, "model.init_seed": 3}))[0]
    recorded = {path: str(value) for path, value in settings(config).items()}
    assert MAMLPP.from_settings(recorded) == config
    assert MAMLPP.from_settings(dict(reversed(recorded.items()))) == config


def test_a_record_of_another_version_is_said_to_be_one() -> None:
    with pytest.raises(ValueError, match=r"settings of another version: .*inner\.stepz"):
        MAMLPP.from_settings({"inner.stepz": "3"})


def test_a_runs_record_says_which_components_are_on() -> None:
    recorded = settings(normalise({"msl": "on", "bnwb": "on"})[0])
    assert (recorded["msl"], recorded["msl.schedule"], recorded["bnwb"], recorded["ca"]) == (
        "on",
        "linear",
        "on",
        "off",
    )
