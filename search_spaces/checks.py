"""Checks a [space] section for invalid dimensions and values; one line per problem."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any

from pydantic import ValidationError

from trainers.error_messages import show
from trainers.errors import InputError
from trainers.known_method import MAMLPP, KnownMethod
from trainers.overrides import Tree, merge

from .dimensions import Choice, Range, read_dimension


def dimension_tables(table: Mapping[str, Any], prefix: str = "") -> tuple[dict[str, Tree], list[str]]:
    """Return the dimensions of a [space] section by dotted path (quoted or nested), and the problems found."""
    found: dict[str, Tree] = {}
    problems: list[str] = []
    for key, entry in table.items():
        path = prefix + key
        if not isinstance(entry, dict):
            problems.append(
                f"space.{path}: must be a table such as {{ low = 1, high = 5 }} or {{ choices = [...] }}, not"
                f" {entry!r}; to keep it fixed, set it in [trainer] or in [space] fix"
            )
            continue
        own = {name: value for name, value in entry.items() if not isinstance(value, dict)}
        below, wrong = dimension_tables({n: v for n, v in entry.items() if isinstance(v, dict)}, path + ".")
        problems += wrong
        found.update(below)
        if own or not below:
            found[path] = own
    return found, problems


def read_again(path: str, dimension: Any, problems: list[str], method: KnownMethod = MAMLPP) -> Any:
    """Return the dimension as a spec file's would be read: a range in the setting's own type. What is wrong goes to
    `problems`.
    """
    if not isinstance(dimension, Range | Choice):
        problems.append(f"space.{path}: must be a Range(low, high) or a Choice([...]), not {show(dimension)}")
        return dimension
    try:
        read = read_dimension(path, dimension.as_table(), method)
    except InputError as error:
        problems += str(error).splitlines()
        return dimension
    problems += [line for value in read.ends() for line in wrong_value(path, value, "space", method)]
    return read


def wrong_fixed(fixed: Mapping[str, Any], searched: Collection[str], method: KnownMethod = MAMLPP) -> list[str]:
    """Return what is wrong with the values under `fix`, given what is searched."""
    twice = [f"space.{path}: it is fixed and searched; leave one out" for path in fixed if path in searched]
    return twice + [line for path, value in fixed.items() for line in wrong_value(path, value, "space.fix", method)]


def wrong_limit(most: Any) -> list[str]:
    """Return what is wrong with `max_compute`."""
    number = isinstance(most, int | float) and not isinstance(most, bool)
    if most is None or (number and 0 < most < math.inf):
        return []
    return [
        f"space.max_compute: must be a positive number, the most compute as a multiple of the base's, not {show(most)}"
    ]


def wrong_value(path: str, value: Any, prefix: str, method: KnownMethod = MAMLPP) -> list[str]:
    """Return why the trainer refuses `value` at `path`; empty if it accepts it."""
    try:
        method.validate(merge({}, {path: value}))
    except ValidationError as error:
        return method.explain(error, prefix).splitlines()
    return []
