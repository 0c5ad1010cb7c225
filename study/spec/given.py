"""Settings that are typed beside a spec file, and what the file then says: `--set NAME=VALUE`, `--seed`."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tomli_w

from trainers.errors import InputError
from trainers.overrides import Tree

from .config import SpecError, StudyConfig
from .parsing import beside, load_spec, parse_spec, spec_text
from .sections import BudgetSection, SpecFile

NAME = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)*")


def given_line(text: str) -> str:
    """Return "inner.steps=3" as a line of TOML; a value that TOML does not know is a word (msl=off). Raises
    InputError.
    """
    path, equals, value = (part.strip() for part in text.partition("="))
    if not equals or not value or not NAME.fullmatch(path):
        raise InputError(f"--set {text}: write NAME=VALUE, such as --set inner.steps=3 or --set msl=off")
    return f"{path} = {value if _is_toml(value) else json.dumps(value)}"


def refuse_twice(given: Sequence[tuple[str, str]]) -> None:
    """Raise InputError if two (option, line) pairs set the same, or one of them a part of what the other sets."""
    earlier: dict[str, str] = {}
    for option, line in given:
        path = line.partition(" =")[0]
        for other, first in earlier.items():
            short, long = sorted((path, other), key=len)
            if f"{long}.".startswith(f"{short}."):
                raise InputError(f"{first} and {option} both set {short}; keep one of them")
        earlier[path] = option


def load_given(file: Path, settings: Sequence[str] = (), seed: int | None = None) -> StudyConfig:
    """Read a spec file with `settings`, texts such as "inner.steps=3", and `seed` in place of what it says.

    A name is a trainer's setting ("budget.epochs"), or begins with another section of the file ("data.size",
    "budget.trials"). The text that is kept with the study has them. Raises SpecError, InputError.
    """
    if not settings and seed is None:
        return load_spec(file)
    given = [(f"--set {text}", _addressed(given_line(text))) for text in settings]
    given += [(f"--seed {seed}", f"study.seed = {seed}")] if seed is not None else []
    refuse_twice(given)
    text = _text(file, [line for _, line in given], " ".join(option for option, _ in given))
    try:
        return beside(file.absolute().parent, parse_spec(text))
    except SpecError as error:
        raise SpecError(error.problems, file, " ".join(option for option, _ in given)) from None


def _text(file: Path, lines: Sequence[str], options: str) -> str:
    """Return a spec file's text with these lines of TOML in place of its own."""
    try:
        tree = tomllib.loads(spec_text(file))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SpecError([f"not valid TOML: {error}"], file) from None
    for line in lines:
        path, _, value = line.partition(" = ")
        _put(tree, path, tomllib.loads(f"value = {value}")["value"])
    head = f"# {file.name}, with {options}\n\n"
    return head + tomli_w.dumps(tree, multiline_strings=False)


def _put(table: Tree, path: str, value: Any) -> None:
    """Set what a dotted path names, whether the file has it quoted or in tables; a component that is "on" becomes a
    table.
    """
    head, _, rest = path.partition(".")
    if not rest or path in table:
        table[path] = value
        return
    if not isinstance(table.get(head), dict):
        table[head] = {}
    _put(table[head], rest, value)


def _addressed(line: str) -> str:
    """Return a line with the section that its name belongs to: [trainer], unless it begins with another one."""
    first, _, rest = line.partition(" =")[0].partition(".")
    own = first in SpecFile.model_fields if first != "budget" else rest in BudgetSection.model_fields
    return line if own or first in ("trainer", "space") else f"trainer.{line}"


def _is_toml(value: str) -> bool:
    try:
        parsed: dict[str, Any] = tomllib.loads(f"x = {value}")
    except (tomllib.TOMLDecodeError, RecursionError):
        return False
    return set(parsed) == {"x"}
