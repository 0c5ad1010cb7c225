"""Ranges, choices and spaces check themselves when they are made, as they do when a spec file is read."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from search_spaces import Choice, FixedParams, Range, SearchSpace
from trainers.errors import InputError
from trainers.overrides import normalise
from trainers.presets import preset

RANGES: list[tuple[dict[str, Any], str]] = [
    ({"low": 5, "high": 1}, "Range: low must be less than high, not 5 >= 1; to keep it fixed, set it in [trainer]"),
    ({"low": 1, "high": 1}, "Range: low must be less than high, not 1 >= 1; to keep it fixed, set it in [trainer]"),
    ({"low": math.nan, "high": 1.0}, "Range.low: must be finite, not nan"),
    ({"low": 0.0, "high": math.inf}, "Range.high: must be finite, not inf"),
    ({"low": "1", "high": 2}, 'Range.low: must be a number, not "1"'),
    ({"low": None, "high": 2}, "Range.low: must be a number, not None"),
    ({"low": 1, "high": True}, "Range.high: must be a number, not true"),
    ({"low": 0.0, "high": 1.0, "log": True}, "Range: log = true needs low greater than 0, not 0.0"),
    ({"low": -1.0, "high": 1.0, "log": True}, "Range: log = true needs low greater than 0, not -1.0"),
    ({"low": 1, "high": 2, "log": "yes"}, 'Range.log: must be true or false, not "yes"'),
    (
        {"low": 1, "high": 5, "step": 0},
        "Range.step: must be positive, at most high - low, and without log = true, not 0",
    ),
    (
        {"low": 1, "high": 5, "step": 5},
        "Range.step: must be positive, at most high - low, and without log = true, not 5",
    ),
    (
        {"low": 1, "high": 5, "step": 1, "log": True},
        "Range.step: must be positive, at most high - low, and without log = true, not 1",
    ),
    ({"low": 1, "high": 5, "step": math.nan}, "Range.step: must be finite, not nan"),
]


@pytest.mark.parametrize(("given", "message"), RANGES)
def test_what_is_no_range_is_refused_when_it_is_made(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        Range(**given)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ((), "Choice.choices: must be a list with at least one value, not ()"),
        ([], "Choice.choices: must be a list with at least one value, not []"),
        ("on", 'Choice.choices: must be a list with at least one value, not "on"'),
        (None, "Choice.choices: must be a list with at least one value, not None"),
        (("a", math.nan), "Choice.choices: nan is not a valid choice; leave it out"),
        ({1, 2}, "Choice.choices: must be a list with at least one value, not {1, 2}"),
        (np.array([[1, 2]]), "Choice.choices: each must be a number, a text or true/false, not [1, 2]"),
        (("a", object), "Choice.choices: each must be a number, a text or true/false, not <class 'object'>"),
    ],
)
def test_what_is_no_choice_is_refused_when_it_is_made(choices: Any, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        Choice(choices)
    assert str(caught.value) == message


SPACES: list[tuple[dict[str, Any], str]] = [
    (
        {"dimensions": {"inner.lrr": Range(0.1, 1.0)}},
        "space.inner.lrr: no such setting of the trainer; did you mean inner.lr?",
    ),
    (
        {"dimensions": {"device": Choice(["cpu"])}},
        "space.device: it says where and how fast a training runs, and changes no result; set it in [trainer]",
    ),
    (
        {"dimensions": {"inner.lr": (0.1, 1.0)}},
        "space.inner.lr: must be a Range(low, high) or a Choice([...]), not (0.1, 1.0)",
    ),
    ({"dimensions": {"inner.lr": Range(-1.0, 1.0)}}, "space.inner.lr: must be greater than 0.0, not -1.0"),
    (
        {"dimensions": {"inner.steps": Range(1.0, 5.0)}},
        "space.inner.steps: inner.steps is a whole number; write low, high and step without a point",
    ),
    ({"dimensions": {"msl": Range(0, 1)}}, "space.msl: msl is no number; write choices = [...]"),
    (
        {"dimensions": {"msl": Choice([True, False])}},
        'space.msl.choices: msl is a component: choose from "on" and "off", not [True, False]',
    ),
    (
        {"dimensions": {"msl.schedule": Choice(["liner"])}},
        'space.msl.schedule: must be one of "linear", "ema", "cosine", "constant", not "liner"; did you mean "linear"?',
    ),
    (
        {"dimensions": {"inner.lr": Range(0.1, 1.0)}, "fixed": {"inner.lr": 0.5}},
        "space.inner.lr: it is fixed and searched; leave one out",
    ),
    (
        {"dimensions": {"inner.lr": Range(0.1, 1.0)}, "fixed": {"inner.steps": 0}},
        "space.fix.inner.steps: must be at least 1, not 0",
    ),
    ({"dimensions": {3: Range(1, 3)}}, 'space: the name of a setting must be a text such as "outer.lr", not 3'),
    (
        {"dimensions": {"inner.lr": Range(0.1, 1.0)}, "fixed": 3},
        "space.fix: must be a dict of dotted setting -> value, not 3",
    ),
]


@pytest.mark.parametrize(("given", "message"), SPACES)
def test_what_is_no_space_is_refused_when_it_is_made(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        SearchSpace(**given)
    assert str(caught.value).startswith(message)


def test_a_step_that_misses_the_end_is_refused_in_a_new_study() -> None:
    space = SearchSpace({"inner.steps": Range(1, 10, step=4), "outer.lr": Range(0.1, 0.7, step=0.1)})
    told = "space.inner.steps.step: steps of 4 from 1 miss high = 10; write high = 9, or another step"
    assert space.alike(preset("maml")) == [told]


@pytest.mark.parametrize(
    "choices", [range(3), np.arange(3), [np.int64(0), np.int64(1), 2], np.array([0, 1, 2], dtype=np.uint8)]
)
def test_choices_may_be_any_sequence_or_an_array(choices: Any) -> None:
    made = Choice(choices)
    assert made == Choice((0, 1, 2))
    assert {type(one) for one in made.choices} == {int}


def test_numpy_s_numbers_become_python_s() -> None:
    numbers: list[Any] = [np.int64(1), np.int64(3), np.bool_(True), np.float32(2)]
    made = Range(*numbers[:3])
    assert made == Range(1, 3, log=True)
    assert {type(made.low), type(made.high)} == {int}
    assert type(Choice([np.float64(0.5)]).choices[0]) is float
    space = SearchSpace({"inner.lr": Range(0.1, 1.0)}, {"inner.steps": numbers[1]}, max_compute=numbers[3])
    assert space == SearchSpace({"inner.lr": Range(0.1, 1.0)}, {"inner.steps": 3}, max_compute=2.0)


@pytest.mark.parametrize(
    ("trial", "base", "message"),
    [
        (FixedParams({}), "maml", "base: must be a config, such as mamlab.preset(\"maml\"), or a dict of its settings, "
                                  'not "maml"'),
        (3, {}, "trial: must be an Optuna trial, as study.ask() returns it, not 3"),
    ],
)  # fmt: skip
def test_what_is_no_trial_or_no_base_is_named(trial: Any, base: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        SearchSpace({"inner.lr": Range(0.1, 1.0)}).suggest(trial, base)
    assert str(caught.value) == message


def test_a_space_made_of_objects_is_the_one_that_a_table_describes() -> None:
    made = SearchSpace({"inner.lr": Range(1, 3), "msl": Choice(["on", "off"])})
    read = SearchSpace.from_table({"inner.lr": {"low": 1.0, "high": 3.0}, "msl": {"choices": ["on", "off"]}})
    assert made.dimensions == read.dimensions
    assert made.hash == read.hash
    assert type(made.dimensions["inner.lr"].ends()[0]) is float


def test_a_config_serves_as_the_base_of_a_suggestion() -> None:
    space, answers = SearchSpace({"inner.lr": Range(0.1, 1.0)}), FixedParams({"inner.lr": 0.25})
    tree = preset("mamlpp")
    assert space.suggest(answers, normalise(tree)[0])[0] == space.suggest(answers, tree)[0]
