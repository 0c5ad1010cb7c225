"""Warm start: the configs that a search tries first, from presets, another study's best trials, or a CSV file.

Presets are resolved with the spec; the others when the search starts.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from reports import records
from reports.data.text_files import TextError, columns_twice, lines_of, read_text, table
from search_spaces.portfolio import PORTFOLIO, portfolio_of
from trainers.error_messages import nearest
from trainers.errors import InputError
from trainers.method import Config
from trainers.overrides import Tree, merge, read_value
from trainers.paths import expanded

from .spec.config import SpecError, StudyConfig
from .spec.sections import FormerBest, KnownConfigs
from .stores.home import Home

Params = dict[str, Any]


def warm_started(config: StudyConfig, home: Home) -> StudyConfig:
    """Return `config` with the entries of `study.enqueue` resolved to Optuna parameters, and notes on missing runs.

    Raises SpecError with one line for each row or trial that is not in the space or exceeds its max_compute, and for
    each missing file or study.
    """
    found, problems, notes = dict[str, Params](), list[str](), list(config.notes)
    for entry in config.study.enqueue or (PORTFOLIO,):
        if isinstance(entry, str):
            found |= {name: own for name, own in config.enqueued.items() if entry in (name, portfolio_of(name))}
            continue
        try:
            if isinstance(entry, FormerBest):
                source, more = _former(config, home, entry)
                notes += more
            else:
                source = _known(config, entry)
            found.update(source)
        except InputError as error:
            problems += str(error).splitlines()
    if problems:
        raise SpecError(problems)
    return replace(config, enqueued=found, notes=tuple(notes))


def _former(config: StudyConfig, home: Home, entry: FormerBest) -> tuple[dict[str, Params], list[str]]:
    """Return the best complete trials of a search, or runs of an ablation, by "STUDY best 1", ..., and notes."""
    from .results import load, warnings

    where = f'study.enqueue study = "{entry.study}"'
    try:
        info, runs = load(entry.study, home)
    except records.ReportError as error:
        raise InputError(f"{where}: {error}") from None
    from reports.statistics.summary import summarise_search

    trials = summarise_search(runs, info).complete[: entry.best]
    if not trials:
        raise InputError(f"{where}: it has no complete trial yet; let it run further, or remove the entry")
    found, problems = {}, []
    for rank, trial in enumerate(trials, start=1):
        own = config.method.from_settings(trial.records[0].params)
        try:
            found[f"{entry.study} best {rank}"] = _params(config, own)
        except InputError as error:
            problems += [f"{where}: its trial {trial.label}: {line}" for line in str(error).splitlines()]
    if problems:
        raise InputError("\n".join(problems))
    return found, [f"{where}: {note}" for note in warnings(info)]


def _known(config: StudyConfig, entry: KnownConfigs) -> dict[str, Params]:
    """Return the rows of a CSV file by "FILE:LINE". Columns are dotted settings; an empty cell means the base's value.

    Lines that start with # are skipped.
    """
    assert config.space is not None
    where = f'study.enqueue csv = "{entry.csv}"'
    path = _file(where, entry.csv, config.folder)
    lines = [line for line in enumerate(lines_of(_text(where, path)), 1) if line[1][:1] != "#"]
    rows = table([text for _, text in lines])
    columns = list(rows.fieldnames or ())
    if problems := list(_wrong_columns(where, columns, config)):
        raise InputError("\n".join(problems))
    found = {}
    for row in _rows(where, rows):
        line = lines[rows.line_num - 1][0]
        try:
            found[f"{path.name}:{line}"] = _params_of_row(config, row)
        except InputError as error:
            problems += [f"{where}, line {line}: {text}" for text in str(error).splitlines()]
    if problems or not found:
        raise InputError(
            "\n".join(problems) or f"{where}: it has no rows below the header; add one, or remove the entry"
        )
    return found


def _rows(where: str, rows: csv.DictReader[str]) -> Iterator[dict[str, str]]:
    try:
        yield from rows
    except csv.Error as error:
        raise InputError(f"{where} cannot be read as CSV: {error}; is a quotation mark not closed?") from None


def _file(where: str, name: str, folder: Path | None) -> Path:
    """Return the CSV file with that name beside the spec, or else in the working folder.

    Raises ValueError if both exist and differ.
    """
    places = [one / expanded(Path(name)) for one in (folder, Path.cwd()) if one is not None]
    there = [place for place in places if place.is_file()]
    if not there:
        looked = " and ".join(dict.fromkeys(str(place.resolve()) for place in places))
        raise InputError(f"{where}: no such file (looked for {looked})")
    if there[0].read_bytes() != there[-1].read_bytes():
        raise InputError(
            f"{where}: there are two files, {there[0]} beside the spec file and {there[-1]} in the working folder, and "
            "they "
            "differ; write the full path of the one you mean"
        )
    return there[0]


def _text(where: str, path: Path) -> str:
    try:
        return read_text(path)
    except (TextError, OSError) as error:
        raise InputError(f"{where}: {error}") from None


def _wrong_columns(where: str, columns: list[str], config: StudyConfig) -> Iterator[str]:
    assert config.space is not None
    searched = config.space.dimensions
    for name in columns:
        if name not in searched:
            guess = nearest(name, searched)
            hint = f"; did you mean {guess}?" if guess else ""
            yield f'{where}: column "{name}" is not searched{hint} (searched: {", ".join(sorted(searched))})'
    for name in columns_twice(columns):
        yield f'{where}: column "{name}" appears twice; remove one'
    if not columns:
        yield f"{where}: the file is empty; the first line must name settings, such as inner.lr,inner.steps"


def _params_of_row(config: StudyConfig, row: dict[Any, Any]) -> Params:
    if None in row or None in row.values():
        raise InputError("its number of cells differs from the number of names in the first line")
    typed: Tree = {path: read_value(text) for path, text in row.items() if text.strip()}
    try:
        own, dropped = config.method.normalise(merge(config.base_tree, _switched_on(typed)))
    except ValidationError as error:
        raise InputError(config.method.explain(error)) from None
    idle = [inert.message for inert in dropped if inert.path in typed and typed[inert.path] not in ("off", inert.value)]
    if idle:
        raise InputError("\n".join(idle))
    return _params(config, own)


def _switched_on(typed: Tree) -> Tree:
    """Drop the "on" of a component whose settings are in the row too: they imply it."""
    return {
        path: value
        for path, value in typed.items()
        if not (value == "on" and any(other.startswith(f"{path}.") for other in typed))
    }


def _params(config: StudyConfig, own: Config) -> Params:
    """Return the Optuna parameters of the searched settings in `own`. Raises ValueError."""
    assert config.space is not None
    params = config.space.params_of(own, config.base_tree)
    if too_much := config.beyond_max_compute(params):
        raise InputError(too_much)
    return params
