"""Finds settings that a spec file sets twice: TOML allows it, since dotted paths may be quoted or nested."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from trainers.error_messages import show

Leaf = tuple[str, str, Any]
"""A value in a file: its dotted path, that path as written in the file, and the value."""
NUL = "\0"


def problems_of(text: str) -> list[str]:
    """Return one line for each setting that the TOML `text` sets twice, and for each string with a NUL character.

    Empty for invalid TOML, which the parser reports.
    """
    try:
        return problems_in(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, RecursionError):
        return []


def problems_in(tree: Mapping[str, Any]) -> list[str]:
    """Return the same for parsed tables, or tables made in Python."""
    if wrong := list(_no_texts(tree)):
        return wrong
    leaves = list(_leaves(tree))
    return [*_with_nul(leaves), *_twice(leaves), *_searched_twice(tree), *_fixed_otherwise(tree)]


def _no_texts(tree: Any, path: str = "") -> Iterator[str]:
    """Yield names that are no texts, which only a dict made in Python can have."""
    for name, value in tree.items() if isinstance(tree, Mapping) else ():
        if not isinstance(name, str):
            yield f"{path}: the names in a table must be texts, not {show(name)}"
        yield from _no_texts(value, f"{path}.{name}".removeprefix("."))


def _leaves(tree: Any, path: str = "", spelled: str = "") -> Iterator[Leaf]:
    items = tree.items() if isinstance(tree, Mapping) else ((f"{number}", one) for number, one in enumerate(tree, 1))
    for key, value in items:
        own = f"{path}.{key}".removeprefix(".")
        shown = f"{spelled}.{key if '.' not in key else repr(key)}".removeprefix(".").replace("'", '"')
        if isinstance(value, Mapping | list) and value:
            yield from _leaves(value, own, shown)
        else:
            yield own, shown, value


def _with_nul(leaves: list[Leaf]) -> list[str]:
    return [
        f"{path.replace(NUL, '')}: contains a NUL character, which paths and databases do not allow; remove it"
        for path, _, value in leaves
        if NUL in path or (isinstance(value, str) and NUL in value)
    ]


def _twice(leaves: list[Leaf]) -> Iterator[str]:
    """Yield settings that are set twice: the same path, or a component that is "off" but has settings."""
    seen: dict[str, str] = {}
    for path, spelled, _ in leaves:
        if path in seen and (not path.startswith("space.") or path.startswith("space.fix.")):
            yield f"{path}: set twice, as {seen[path]} and as {spelled}; leave one out"
        seen.setdefault(path, spelled)
    for path, _, value in leaves:
        below = next((other for other in seen if other.startswith(f"{path}.")), None)
        if below and value != "on":
            yield f"{path}: set to {show(value)}, but {below} is set too; leave one out"


def _searched_twice(tree: Mapping[str, Any]) -> Iterator[str]:
    """Yield dimensions of [space] that have both a quoted and a nested table."""
    space = tree.get("space")
    tables = list(_tables(space)) if isinstance(space, Mapping) else []
    for path in sorted({path for path in tables if tables.count(path) > 1}):
        yield f"space.{path}: defined twice, as a quoted and as a nested table; leave one out"


def _tables(tree: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Yield the dotted path of each table that has values of its own."""
    for key, value in tree.items():
        if isinstance(value, Mapping) and key != "fix":
            if any(not isinstance(one, Mapping) for one in value.values()):
                yield f"{path}{key}"
            yield from _tables(value, f"{path}{key}.")


def _fixed_otherwise(tree: Mapping[str, Any]) -> Iterator[str]:
    """Yield settings with different values in [trainer] and [space] fix."""
    space, trainer = tree.get("space"), tree.get("trainer")
    fix = space.get("fix") if isinstance(space, Mapping) else None
    if not (isinstance(fix, Mapping) and isinstance(trainer, Mapping)):
        return
    fixed = {path: value for path, _, value in _leaves(fix)}
    for path, _, value in _leaves(trainer):
        if path in fixed and fixed[path] != value:
            yield f"trainer.{path}: {show(value)} here, but {show(fixed[path])} in [space] fix; leave one out"
