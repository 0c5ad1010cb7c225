"""Builds a study from Python objects, by converting them to a spec file's text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from inspect import signature
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import BaseModel

from search_spaces.ablations import Arm
from search_spaces.dimensions import Choice, Range
from search_spaces.space import SearchSpace
from trainers.config import TrainerConfig
from trainers.data import DataConfig
from trainers.error_messages import show, unknown
from trainers.errors import InputError
from trainers.find_method import find_method
from trainers.overrides import Tree, flatten, merge, normalise
from trainers.presets import PRESETS, SIZES, preset
from trainers.sections import Section, plain

from .ablation_section import AblationSection
from .config import SpecError, StudyConfig
from .duplicate_settings import problems_in
from .method_section import read_method
from .parsing import parse_spec
from .sections import BudgetSection, ExecutionSection, Named, StudySection
from .trainer_section import Trainer, default_size, read_trainer
from .writing import difference, trainer_table


def study_config(
    name: str,
    *,
    data: DataConfig | Mapping[str, Any] | str,
    trainer: BaseModel | Mapping[str, Any] | str = "mamlpp",
    space: SearchSpace | Mapping[str, Any] | str | None = None,
    sampler: Named | Mapping[str, Any] | str | None = None,
    pruner: Named | Mapping[str, Any] | str | None = None,
    ablation: AblationSection | Mapping[str, Any] | str | None = None,
    budget: BudgetSection | Mapping[str, Any] | None = None,
    execution: ExecutionSection | Mapping[str, Any] | None = None,
    method: str = "",
    **study: Any,
) -> StudyConfig:
    """Return the study that these objects describe. Its `spec_text` is the same study as a spec file.

    Args:
        name: of the study; a study with the same name in the same home is resumed.
        data: such as `Glyphs()`, its name, or the section as a dict.
        trainer: a config, a preset's name, or the section as a dict (`{"preset": "maml", "inner.steps": 3}`).
        space: of a search: a space, a predefined space's name, or a dict of dotted setting -> Range, Choice or table.
        sampler: of a search: Optuna's by name, or a dict of the name and its options.
        pruner: of a search, as the sampler.
        ablation: of an ablation: a design's name, or the section as a dict; its "arms" may be a dict of
            name -> TrainerConfig or overrides.
        budget: the section, as an object or a dict.
        execution: the section, as an object or a dict.
        method: who trains instead of MAML++: "module:NAME" or a registered name; `trainer` is its config, or a dict.
        study: further keys of [study]: seed, seeds_per_trial, score, enqueue, test, finalists.

    Raises SpecError with everything that is wrong.
    """
    if problems := [*_unknown_keywords(study), *problems_in({"trainer": trainer, "space": space})]:
        raise SpecError(problems)
    if method and trainer == "mamlpp":
        trainer = {}
    base = _base(trainer, method, _source(data))
    tables = {"study": {"name": name, **study}, "data": _named(data, "source"), "trainer": base}
    tables |= {"method": {"use": method}} if method else {}
    if space is not None:
        found = _read_space(space, tables)
        tables["space"] = found.as_table()
        tables["space"].pop("fix", None)  # [trainer] says it
        own = _unsearched(base, found) if isinstance(trainer, BaseModel) else base
        tables["trainer"] = {**own, **found.fixed}
    rest = {
        "sampler": _named(sampler, "name"),
        "pruner": _named(pruner, "name"),
        "budget": budget,
        "execution": execution,
    }
    return from_tables({**tables, **rest, "ablation": _ablation(ablation, tables)})


def _unknown_keywords(study: Iterable[str]) -> list[str]:
    """Return one line for each keyword of `study_config` that is neither its own nor a key of [study]."""
    own = [name for name in signature(study_config).parameters if name != "study"]
    known = [*own, *(name for name in StudySection.model_fields if name not in own)]
    return [f"{name}: {unknown('keyword', name, known)}" for name in study if name not in StudySection.model_fields]


def _base(trainer: Any, method: str, source: str) -> Any:
    """Return [trainer] for a config, a preset's name or a table."""
    if isinstance(trainer, TrainerConfig):
        return nearest_preset(trainer, source)
    whole = isinstance(trainer, BaseModel)
    return trainer_table(trainer, source, find_method(method)) if whole else _named(trainer, "preset")


def _source(data: Any) -> str:
    """Return the name of a data set; empty if it has none, which the parser reports."""
    found = data.get("source") if isinstance(data, Mapping) else getattr(data, "source", data)
    return found if isinstance(found, str) else ""


def from_tables(tables: Mapping[str, Any]) -> StudyConfig:
    """Return the study of a spec file's tables; None is left out, and objects are converted to tables.

    Raises SpecError.
    """
    return parse_spec(tomli_w.dumps(_plain(tables, "")))


def _plain(value: Any, where: str) -> Any:
    """Return `value` as TOML types. Raises SpecError for other types."""
    if isinstance(value, Named):
        return {"name": value.name, **_plain(value.options, where)}
    if isinstance(value, Section):
        value = value.model_dump(exclude_defaults=True) | ({"source": value.source} if hasattr(value, "source") else {})
    elif isinstance(value, Range | Choice):
        value = value.as_table()
    if isinstance(value, Mapping):
        return {_key(k, where): _plain(v, f"{where}.{k}".strip(".")) for k, v in value.items() if v is not None}
    if isinstance(value, list | tuple):
        return [_plain(one, f"{where}[{place}]") for place, one in enumerate(value)]
    if isinstance(value, Path):
        return str(value)
    value = plain(value)
    if not isinstance(value, bool | int | float | str):
        raise SpecError([f"{where}: must be a number, a text, true or false, a list or a table, not {show(value)}"])
    return value


def _key(key: Any, where: str) -> str:
    if not isinstance(key, str):
        raise SpecError([f"{where}: the names in a table must be texts, not {show(key)}"])
    return key


def _named(section: Any, key: str) -> Any:
    return {key: section} if isinstance(section, str) else section


def nearest_preset(config: TrainerConfig, source: str) -> Tree:
    """Return [trainer] for exactly `config`, beside data of `source`: the nearest preset and the differences."""
    found = [trainer_table(config, source)]
    for name in PRESETS:
        for size in SIZES:
            changes = difference(normalise(preset(name, size=size))[0], config)
            if normalise(merge(preset(name, size=size), changes))[0] == config:
                other = {} if size == default_size(source) else {"size": size}
                found.append({"preset": name, **other, **changes})
    return min(found, key=lambda table: len(flatten(table)))


def _read(tables: Tree) -> Trainer:
    """Return the parsed [trainer]. Raises SpecError."""
    if not isinstance(tables["trainer"], Mapping):
        raise SpecError(
            [f"trainer: must be a TrainerConfig, a preset's name or a table, not {show(tables['trainer'])}"]
        )
    try:
        return read_trainer({**_plain(tables, ""), "space": {}}, read_method(tables))
    except InputError as error:
        raise SpecError(str(error).splitlines()) from None


def _read_space(space: Any, tables: Tree) -> SearchSpace:
    """Return the space without dimensions that can never have an effect. Raises SpecError."""
    base = _read(tables).tree
    try:
        found = (
            space
            if isinstance(space, SearchSpace)
            else SearchSpace.from_table(_space_table(space), read_method(tables))
        )
        return found.fit(merge(base, found.fixed))
    except InputError as error:
        raise SpecError(str(error).splitlines()) from None


def _space_table(space: Any) -> Tree:
    table = _plain(_named(space, "preset"), "space")
    if not isinstance(table, dict):
        raise InputError(f"space: must be a SearchSpace, a predefined space's name or a table, not {show(space)}")
    return table


def _unsearched(base: Tree, space: SearchSpace) -> Tree:
    """Return [trainer] of a config without the settings that the space varies: their values are never used."""
    return {path: value for path, value in flatten(base).items() if path not in space.dimensions}


def _ablation(ablation: Any, tables: Tree) -> Any:
    """Return [ablation] with its arms as a list of tables."""
    section = _named(ablation, "design")
    if not isinstance(section, Mapping) or not isinstance(section.get("arms"), Mapping | Sequence):
        return section
    arms = section["arms"]
    pairs = arms.items() if isinstance(arms, Mapping) else [(getattr(arm, "name", None), arm) for arm in arms]
    return {**section, "arms": [_arm(name, arm, tables) for name, arm in pairs]}


def _arm(name: Any, arm: Any, tables: Tree) -> Any:
    if isinstance(arm, read_method(tables).config):
        return {"name": name, "set": difference(_read(tables).config, arm, read_method(tables))}
    if isinstance(arm, Arm):
        return {"name": arm.name, "set": arm.overrides}
    return arm if name is None else {"name": name, "set": arm}
