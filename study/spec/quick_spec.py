"""The spec of `mamlab train` without a spec file: written from options, read like any other."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from typing import Any

from .config import SpecError, StudyConfig
from .parsing import parse_spec


def quick_spec(
    preset: str | None = None,
    data: str | None = None,
    seed: int | None = None,
    epochs: int | None = None,
    settings: list[str] | None = None,
    name: str | None = None,
) -> StudyConfig:
    """Return the study of one training; `settings` are texts such as "inner.steps=3", of TrainerConfig's paths.

    The name of the study is made from the other arguments, so that the same command goes on with the same
    study and another starts another. Raises SpecError.
    """
    preset, data, seed = preset or "mamlpp", data or "glyphs", seed or 0
    given = [(f"--set {text}", _line(text)) for text in settings or []]
    if epochs is not None:
        given.append((f"--epochs {epochs}", f"budget.epochs = {epochs}"))
    _refuse_twice([(f"--preset {preset}", "preset ="), *given])
    lines = [line for _, line in given]
    name = name or "-".join([preset, data, f"seed{seed}", *_mark(lines)])
    return parse_spec(
        f"[study]\nname = {json.dumps(name)}\nseed = {seed}\n\n[data]\nsource = {json.dumps(data)}\n\n"
        f"[trainer]\npreset = {json.dumps(preset)}\n" + "".join(f"{line}\n" for line in lines)
    )


def _mark(lines: list[str]) -> list[str]:
    return [hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:6]] if lines else []


def _refuse_twice(given: list[tuple[str, str]]) -> None:
    """Raise SpecError if two (option, line) pairs set the same, or one of them a part of what the other sets."""
    earlier: dict[str, str] = {}
    for option, line in given:
        path = line.partition(" =")[0]
        for other, first in earlier.items():
            short, long = sorted((path, other), key=len)
            if f"{long}.".startswith(f"{short}."):
                raise SpecError([f"{first} and {option} both set {short}; keep one of them"])
        earlier[path] = option


def _line(text: str) -> str:
    """Return "inner.steps=3" as a line of TOML; a value that TOML does not know is a word (msl=off)."""
    path, equals, value = (part.strip() for part in text.partition("="))
    if not equals or not value or not re.fullmatch(r"[a-z0-9_]+(\.[a-z0-9_]+)*", path):
        raise SpecError([f"--set {text}: write NAME=VALUE, such as --set inner.steps=3 or --set msl=off"])
    return f"{path} = {value if _is_toml(value) else json.dumps(value)}"


def _is_toml(value: str) -> bool:
    try:
        parsed: dict[str, Any] = tomllib.loads(f"x = {value}")
    except (tomllib.TOMLDecodeError, RecursionError):
        return False
    return set(parsed) == {"x"}
