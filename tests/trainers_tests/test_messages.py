"""What pydantic finds wrong is said in the user's words."""

from typing import Any

import pytest
from pydantic import ValidationError

import mamlab
from study.spec.config import SpecError
from trainers.config import TrainerConfig
from trainers.error_messages import explain, nearest, unknown
from trainers.errors import InputError
from trainers.sections import MSL, Outer, Section


def _explained(tree: dict[str, Any], prefix: str = "trainer") -> str:
    with pytest.raises(ValidationError) as caught:
        TrainerConfig.model_validate(tree)
    return explain(caught.value, TrainerConfig, prefix)


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        (
            {"msl": {"epcohs": 3}},
            "trainer.msl.epcohs: unknown key; did you mean epochs? (known: schedule, epochs, tau)",
        ),
        ({"msl": "of"}, 'trainer.msl: must be "off" or "on" or a table of settings, not "of"; did you mean "off"?'),
        ({"msl": 3}, 'trainer.msl: must be "off" or "on" or a table of settings, not 3'),
        ({"bnrs": True}, 'trainer.bnrs: must be one of "off", "on", not true'),
        ({"inner": {"lr": 0.0}}, "trainer.inner.lr: must be greater than 0.0, not 0.0"),
        ({"inner": {"steps": 51}}, "trainer.inner.steps: must be at most 50, not 51"),
        ({"inner": {"evaluation_steps": 0}}, "trainer.inner.evaluation_steps: must be at least 1, not 0"),
        ({"model": {"filters": "8"}}, 'trainer.model.filters: must be a whole number, not "8"'),
        (
            {"lslr": {"granularity": "layer"}},
            (
                'trainer.lslr.granularity: must be one of "shared", "per_layer", "per_layer_per_step", "per_parameter",'
                ' not "layer"; did you mean "per_layer"?'
            ),
        ),
    ],
)
def test_a_wrong_setting_is_named_with_its_rule_and_value(tree: dict[str, Any], message: str) -> None:
    assert _explained(tree) == message


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("epochs", "epochs: unknown key; did you mean msl.epochs or budget.epochs?"),
        ("filters", "filters: unknown key; did you mean model.filters?"),
        ("lr", "lr: unknown key; did you mean inner.lr or outer.lr?"),
    ],
)
def test_a_setting_without_its_section_is_named_with_it(key: str, message: str) -> None:
    assert _explained({key: 3}, "") == message
    with pytest.raises(InputError) as caught:
        TrainerConfig(**{key: 3})  # type: ignore[arg-type]
    assert str(caught.value) == message


def test_each_wrong_setting_has_a_line() -> None:
    lines = _explained({"inner": {"steps": 0}, "model": {"filter": 3}}, prefix="").splitlines()
    assert [line.split(":")[0] for line in lines] == ["model.filter", "inner.steps"]


def test_a_setting_without_effect_is_explained_as_the_model_says_it() -> None:
    assert _explained({"bnrs": "on"}).startswith("trainer: bnrs has no effect: norm.queries")


def test_nearest_guesses_only_what_looks_alike() -> None:
    assert nearest("epcohs", ["epochs", "tau"]) == "epochs"
    assert nearest("xyz", ["epochs", "tau"]) is None
    assert unknown("key", "xyz", ["a", "b"]) == "unknown key (known: a, b)"


class _Own(mamlab.Settings):
    temperature: float = 1.0


def _sections(base: type[Section] = Section) -> list[type[Section]]:
    return [one for child in base.__subclasses__() for one in (child, *_sections(child))]


def test_every_section_made_in_python_names_the_nearest_setting() -> None:
    sections = [one for one in _sections() if one.model_config["extra"] == "forbid" and one.model_fields]
    assert {_Own, MSL, Outer, TrainerConfig, mamlab.ImageFolder} <= set(sections)
    for section in sections:
        name = max(section.model_fields, key=len)
        with pytest.raises(InputError) as caught:
            section(**{f"{name}e": 2})
        assert f"{name}e: unknown key; did you mean {name}?" in str(caught.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"inner": {"stps": 2}},
            "inner.stps: unknown key; did you mean steps? (known: steps, evaluation_steps, lr)",
        ),
        ({"msl": {"epcohs": 3}}, "msl.epcohs: unknown key; did you mean epochs? (known: schedule, epochs, tau)"),
        ({"inner": {3: 2}}, "inner[3]: the name of a setting must be a text"),
        ({"outer": {"lr": "x"}}, 'outer.lr: must be a number, not "x"'),
        ({"msl": "onn"}, 'msl: must be "off" or "on" or a table of settings, not "onn"; did you mean "on"?'),
        (
            {"inner": {"stps": 2}, "model": {"filter": 3}},
            "model.filter: unknown key; did you mean filters? (known: filters, blocks, downsample, init_seed)\n"
            "inner.stps: unknown key; did you mean steps? (known: steps, evaluation_steps, lr)",
        ),
    ],
)
def test_a_config_made_in_python_is_refused_as_a_spec_file_is(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        TrainerConfig(**given)
    assert str(caught.value) == message


def test_a_study_made_in_python_knows_its_own_keywords_and_those_of_the_study() -> None:
    for name, guess in {"sampelr": "sampler", "sede": "seed", "ablations": "ablation"}.items():
        with pytest.raises(SpecError, match=f"{name}: unknown keyword; did you mean {guess}\\?"):
            mamlab.study_config("x", data=mamlab.Glyphs(), **{name: 1})  # type: ignore[arg-type]
