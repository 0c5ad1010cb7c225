"""Ranges, choices and spaces check themselves when they are made, as they do when a spec file is read."""

from __future__ import annotations

import math
from typing import Any

import pytest

from search_spaces import Choice, FixedParams, Range, SearchSpace
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
]


@pytest.mark.parametrize(("given", "message"), SPACES)
def test_what_is_no_space_is_refused_when_it_is_made(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        SearchSpace(**given)
    assert str(caught.value).startswith(message)


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
