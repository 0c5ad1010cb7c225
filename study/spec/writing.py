"""Spec files that mamlab writes, for studies that follow another one."""

from __future__ import annotations

import os
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import tomli_w

from reports.data.atomic_file import write_file
from trainers.data.config import PLACES
from trainers.errors import InputError
from trainers.known_method import MAMLPP, KnownMethod
from trainers.method import Config
from trainers.overrides import Tree, flatten, merge, normalise
from trainers.presets import preset

from ..stores.home import Home
from .config import SpecError, StudyConfig
from .parsing import load_spec, parse_spec
from .trainer_section import default_size


def base_tables(config: StudyConfig, trainer: Config, name: str, seed: int) -> Tree:
    """Return the common sections of a study of `trainer` on the data of `config`: study, data, trainer, execution."""
    data = {"source": config.data.source, **config.data.model_dump(mode="json", exclude_defaults=True)}
    execution = config.execution.model_dump(mode="json", exclude_defaults=True, exclude={"keep"})
    method = {} if config.method.is_mamlpp else {"method": {"use": config.method.address}}
    table = trainer_table(trainer, config.data.source, config.method)
    tables = {"study": {"name": name, "seed": seed}, **method, "data": data, "trainer": table}
    return {**tables, "execution": execution} if execution else tables


def trainer_table(config: Config, source: str, method: KnownMethod = MAMLPP) -> Tree:
    """Return [trainer] for exactly `config`, beside data of `source`: plain MAML at the size of these data, and what
    differs from it; of another method all.
    """
    if not method.is_mamlpp:
        return _without_none(config.model_dump(mode="json"))
    plain = normalise(preset("maml", default_size(source)))[0]
    return merge({"preset": "maml"}, difference(plain, config))


def _without_none(tree: Tree) -> Tree:
    """Return settings as a file can say them: it cannot say None."""
    return {
        name: _without_none(value) if isinstance(value, dict) else value
        for name, value in tree.items() if value is not None
    }  # fmt: skip


def difference(base: Config, config: Config, method: KnownMethod = MAMLPP) -> Tree:
    """Return the settings in which `config` differs from `base`, by dotted path: the overrides of an arm."""
    before, after = (flatten(one.model_dump(mode="json")) for one in (base, config))
    absent = (
        {"inner.evaluation_steps": config.inner.steps} if method.is_mamlpp else {}
    )  # a file cannot say None; this says the same
    return {
        path: absent.get(path) if value is None else value for path, value in after.items() if before.get(path) != value
    }


def write_spec(home: Home, tables: Tree, comment: str) -> tuple[Path, StudyConfig]:
    """Write HOME/specs/NAME.toml, headed by `comment`; return the file and its study.

    An existing file with the same study is kept, and used with the given data. Raises ValueError if the file describes
    another study, is invalid, or cannot be written.
    """
    name = tables["study"]["name"]
    file = home.root / "specs" / f"{name}.toml"
    head = "".join(f"# {line}\n" for line in comment.splitlines())
    text = f"{head}\n{tomli_w.dumps(tables, multiline_strings=False)}"
    config = parse_spec(text)
    if os.path.lexists(file):
        there = _load(file)
        if _said(there) != _said(config):
            raise InputError(
                f"{file} already exists and differs from the spec to be written; run that file (you may add arms"
                f" and seeds to it) with: {home.command(config.command, str(file))}, or start another study with:"
                " --name NAME"
            )
        return file, replace(there, data=config.data)
    write_file(file, text)
    return file, config


def _load(file: Path) -> StudyConfig:
    try:
        return load_spec(file)
    except InputError as error:
        raise InputError(
            f"{error}\nThe new spec would be written to {file}; fix that file, move it away, or start another"
            " study with: --name NAME"
        ) from None


def retraining_spec(home: Home, config: StudyConfig, trainer: Config, seed: int, name: str) -> Path:
    """Write the spec of a single training, and return its file."""
    tables = base_tables(config, trainer, name, seed)
    file, found = write_spec(home, tables, f'One run of the study "{config.study.name}", to be trained again.')
    assert found.method.same_training(found.base, trainer)
    return file


def without_folder(text: str) -> str:
    """Return a spec's text for publication, with absolute data paths cut to their last part."""
    try:
        data = tomllib.loads(text)["data"]
        paths = [Path(data[name]) for name in PLACES if name in data]
    except (KeyError, TypeError, tomllib.TOMLDecodeError):  # no data, or no spec that can be read
        return text
    for path in sorted(paths, key=lambda one: -len(str(one))):  # longest first: paths may contain each other
        text = text.replace(str(path), path.name) if path.is_absolute() and path.name else text
    return text


def _said(config: StudyConfig) -> Any:
    """Return what must be equal in two specs of the same study; execution and data folder may differ."""
    frozen = config.frozen_part()
    for name in PLACES:
        frozen["data"].pop(name, None)
    ablation = config.ablation.model_dump() if config.ablation else {}
    if ablation.get("origin"):
        del ablation["origin"]["data_checksum"]  # earlier versions did not write it
    return frozen, config.seeds, ablation


def stored_spec(text: str, study: str) -> StudyConfig:
    """Return the study of a stored spec. Raises SpecError, with the study's name in each line."""
    try:
        return parse_spec(text, started=True)
    except SpecError as error:
        raise SpecError([f'stored spec of study "{study}": {line}' for line in error.problems]) from None
