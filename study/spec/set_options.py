"""Command-line overrides of a spec file: `--set NAME=VALUE` and `--seed`."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tomli_w

from trainers.error_messages import nearest, unknown
from trainers.errors import InputError
from trainers.find_method import also_from
from trainers.overrides import Tree
from trainers.paths import expanded
from trainers.sections import Budget

from .config import SpecError, StudyConfig
from .parsing import beside, load_spec, parse_spec, spec_text
from .sections import BudgetSection, SpecFile

NAME = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*")
BUDGET = re.compile(r"trainer\.budget\.(\w+): unknown key")


def given_line(text: str) -> str:
    """Return "inner.steps=3" as a line of TOML; a value that is not TOML becomes a string (msl=off).

    Raises InputError.
    """
    path, equals, value = (part.strip() for part in text.partition("="))
    if not equals or not value or not NAME.fullmatch(path):
        raise InputError(f"--set {text}: write NAME=VALUE, such as --set inner.steps=3 or --set msl=off")
    return f"{path} = {value if _is_toml(value) else toml_text(value)}"


def toml_text(text: str) -> str:
    """Return a string of a TOML file. Raises InputError for bytes that are no UTF-8, which none can hold."""
    if any("\ud800" <= one <= "\udfff" for one in text):
        from trainers.data.folders import shown  # with PyTorch

        raise InputError(f"{shown(text)} is not UTF-8, which a spec file cannot hold; rename it")
    return json.dumps(text, ensure_ascii=False)


def refuse_twice(given: Sequence[tuple[str, str]]) -> None:
    """Raise InputError if two (option, line) pairs set the same setting, or overlapping ones."""
    earlier: dict[str, str] = {}
    for option, line in given:
        path = line.partition(" =")[0]
        for other, first in earlier.items():
            short, long = sorted((path, other), key=len)
            if f"{long}.".startswith(f"{short}."):
                raise InputError(f"{first} and {option} both set {short}; keep one of them")
        earlier[path] = option


def load_given(file: Path, settings: Sequence[str] = (), seed: int | None = None) -> StudyConfig:
    """Read a spec file, overridden by `settings` such as "inner.steps=3" and by `seed`.

    A name is a trainer setting ("budget.epochs"), or starts with another section of the file ("data.size",
    "budget.trials"). The spec text stored with the study includes them. Raises SpecError, InputError.
    """
    if not settings and seed is None:
        return load_spec(file)
    file = expanded(file)
    also_from(file.absolute().parent)
    given = [(f"--set {text}", _addressed(given_line(text))) for text in settings]
    given += [(f"--seed {seed}", f"study.seed = {seed}")] if seed is not None else []
    refuse_twice(given)
    text = _text(file, [line for _, line in given], " ".join(option for option, _ in given))
    try:
        return beside(file.absolute().parent, parse_spec(text))
    except SpecError as error:
        problems = map(_of_either_budget, error.problems)
        raise SpecError([*problems], file, " ".join(option for option, _ in given)) from None


def _text(file: Path, lines: Sequence[str], options: str) -> str:
    """Return a spec file's text, overridden by these lines of TOML."""
    try:
        tree = tomllib.loads(spec_text(file))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SpecError([f"not valid TOML: {error}"], file) from None
    return _written(tree, lines, f"{file.name}, with {options}")


def with_trials(config: StudyConfig, trials: int) -> StudyConfig:
    """Return the search `config` as if its spec file said so many trials: so do its text and what it tries first."""
    text = _written(tomllib.loads(config.spec_text), [f"budget.trials = {trials}"], f"with {trials} trials")
    found = parse_spec(text)
    return beside(config.folder, found) if config.folder else found


def _written(tree: Tree, lines: Sequence[str], title: str) -> str:
    """Return `tree`, overridden by these lines of TOML, as the text of a spec file."""
    for line in lines:
        path, _, value = line.partition(" = ")
        _put(tree, path, tomllib.loads(f"value = {value}")["value"])
    return f"# {title}\n\n" + tomli_w.dumps(tree, multiline_strings=False)


def _put(table: Tree, path: str, value: Any) -> None:
    """Set a dotted path, whether the file has it quoted or as tables; a component that is "on" becomes a table."""
    head, _, rest = path.partition(".")
    if not rest or path in table:
        table[path] = value
        return
    if not isinstance(table.get(head), dict):
        table[head] = {}
    _put(table[head], rest, value)


def _addressed(line: str) -> str:
    """Return a line prefixed with its section: [trainer], unless it starts with another one."""
    first, _, rest = line.partition(" =")[0].partition(".")
    own = first in SpecFile.model_fields if first != "budget" else rest in BudgetSection.model_fields
    return line if own or first in ("trainer", "space") else f"trainer.{line}"


def _of_either_budget(problem: str) -> str:
    """Return a problem with a name of the training's budget that is nearer to one of the study's (budget.trails)."""
    found = BUDGET.match(problem)
    guess = found and nearest(found[1], [*Budget.model_fields, *BudgetSection.model_fields])
    if not found or guess not in BudgetSection.model_fields:
        return problem
    return f"budget.{found[1]}: {unknown('key', found[1], BudgetSection.model_fields)}"


def _is_toml(value: str) -> bool:
    try:
        parsed: dict[str, Any] = tomllib.loads(f"x = {value}")
    except (tomllib.TOMLDecodeError, RecursionError):
        return False
    return set(parsed) == {"x"}
