"""Choices that Python takes for equal are refused: Optuna finds a choice by its value, and keeps the first of them for
all.
"""

from __future__ import annotations

from typing import Any

import pytest

from search_spaces.ablations import Arm, compile_arms
from search_spaces.designs import plan
from search_spaces.dimensions import Choice
from search_spaces.space import SearchSpace
from search_spaces.trials import FixedParams
from trainers.overrides import merge, normalise
from trainers.presets import preset

BASE = merge(preset("mamlpp"), {"budget": {"epochs": 30}})
EQUAL = [
    ([1, 1.0], "1 and 1.0 are equal as numbers"),
    ([0.5, 1.0, 1], "1.0 and 1 are equal as numbers"),
    ([True, 1], "true and 1 are equal as numbers"),
    ([False, 0.0], "false and 0.0 are equal as numbers"),
    ([0.0, -0.0], "0.0 and -0.0 are equal as numbers"),
    (["linear", "ema", "linear"], "a value appears twice in"),
    ([float("nan"), 1], "nan is not a valid choice"),
    ([float("inf"), 1], "inf is not a valid choice"),
    ([[1], 2], r"each must be a number, a text or true/false, not \[1\]"),
]


@pytest.mark.parametrize(("choices", "message"), EQUAL)
def test_choices_that_are_equal_to_python_are_refused_in_a_table_and_in_python(
    choices: list[Any], message: str
) -> None:
    with pytest.raises(ValueError, match=rf"^space\.msl\.epochs\.choices: {message}"):
        SearchSpace.from_table({"msl.epochs": {"choices": choices}})
    with pytest.raises(ValueError, match=rf"^Choice\.choices: {message}"):
        Choice(tuple(choices))


def test_one_epoch_and_the_whole_run_are_told_apart_by_the_number_of_epochs() -> None:
    space = SearchSpace.from_table({"msl.epochs": {"choices": [1, 30]}}).fit(BASE)
    for value, wanted in ((1, 1), (1.0, 30), (30, 30)):
        config = normalise(merge(BASE, {"msl.epochs": value}))[0]
        assert space.params_of(config, BASE) == {"msl.epochs": wanted}
        assert type(space.params_of(config, BASE)["msl.epochs"]) is int


def test_a_value_of_another_type_is_no_choice() -> None:
    assert [Choice((1, 2)).contains(value) for value in (1, 1.0, True)] == [True, False, False]
    space = SearchSpace.from_table({"msl.epochs": {"choices": [1, 2]}})
    whole = normalise(merge(BASE, {"msl.epochs": 1.0}))[0]  # 30 epochs
    with pytest.raises(ValueError, match=r"msl\.epochs = 1\.0 is outside the choices 1, 2"):
        space.params_of(whole, BASE)


def test_a_rate_may_be_chosen_as_a_whole_number() -> None:
    space = SearchSpace.from_table({"inner.lr": {"choices": [0.5, 1]}})
    config = normalise(merge(BASE, {"inner.lr": 1.0}))[0]
    assert space.params_of(config, BASE) == {"inner.lr": 1}
    assert space.suggest(FixedParams({"inner.lr": 1}), BASE)[0].inner.lr == 1.0


def test_choices_that_are_one_training_are_found_where_the_epochs_are_known() -> None:
    space = SearchSpace.from_table({"msl.epochs": {"choices": [3, 0.1, 0.5]}})
    told = "space.msl.epochs.choices: 3 and 0.1 are the same in a run of 30 epochs; leave one out"
    assert space.alike(BASE) == [told]
    assert space.alike(merge(BASE, {"budget.epochs": 100})) == []
    both = SearchSpace.from_table({"msl.epochs": {"choices": [3, 0.1]}, "budget.epochs": {"low": 10, "high": 30}})
    assert both.alike(BASE) == []  # the same in some trials only


def test_equal_values_of_a_sweep_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^ablation\.sweep\.msl\.epochs: 1 and 1\.0 are equal as numbers"):
        plan("sweep", BASE, swept={"msl.epochs": [1, 1.0]})


def test_the_reference_of_a_sweep_is_the_value_that_trains_as_the_base_does() -> None:
    found = plan("sweep", merge(BASE, {"msl.epochs": 1.0}), swept={"msl.epochs": [1, 15, 30]})
    pairs = (("msl.epochs = 1", "msl.epochs = 30"), ("msl.epochs = 15", "msl.epochs = 30"))
    assert dict(found.families) == {"msl.epochs against msl.epochs = 30": pairs}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cafe\u0301", "the names .* look the same"),
        ("café ", r"the names 'café' and 'café ' look the same"),
        ("ca\u200bfé", r"the names 'café' and 'ca\\u200bfé' look the same"),
        (" ", r"the name ' ' has nothing to see"),
        ("a\0", r"the name 'a\\x00' has the character NUL"),
    ],
)
def test_arms_whose_names_look_the_same_are_refused(name: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^ablation.arms: {message}"):
        compile_arms(BASE, [Arm("café"), Arm(name, {"inner.lr": 0.5})])
