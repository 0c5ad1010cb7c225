"""The section [trainer]: a preset and the settings that override it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from trainers.errors import InputError
from trainers.inert import Inert
from trainers.known_method import MAMLPP, KnownMethod
from trainers.method import Config
from trainers.overrides import Tree, merge


@dataclass(frozen=True)
class Trainer:
    """[trainer], read: what was typed, the overrides with those of its preset, the config that they make."""

    typed: Tree
    tree: Tree
    config: Config
    dropped: tuple[Inert, ...]
    size: str
    method: KnownMethod = MAMLPP


def read_trainer(spec: Tree, method: KnownMethod = MAMLPP) -> Trainer:
    """Return the preset overridden by the settings in [trainer]; the default size depends on the data set."""
    typed = merge({}, spec.get("trainer", {}))
    size = _size(typed, spec) if method.is_mamlpp else ""
    try:
        start = method.preset(typed.pop("preset", "mamlpp"), size) if method.is_mamlpp or "preset" in typed else {}
        tree = merge(start, typed)
        # In a search, what is sampled can give a typed setting its effect: `_search` checks that.
        config, dropped = method.normalise(tree, typed={} if "space" in spec else typed)
    except ValidationError as error:
        raise InputError(method.explain(error, "trainer")) from None
    except InputError as error:
        raise InputError(f"trainer.{error}") from None
    whole = (
        tree if method.is_mamlpp else config.model_dump(mode="json")
    )  # a component that is on by default has settings
    return Trainer(typed, whole, config, dropped, size, method)


def _size(typed: Tree, spec: Tree) -> Any:
    """Return the size of the preset, taken out of `typed`."""
    source = spec.get("data", {}).get("source") if isinstance(spec.get("data"), dict) else None
    return typed.pop("size", default_size(source))


def default_size(source: object) -> str:
    """Return the size of presets for the data set `source`, where [trainer] names none."""
    return "omniglot" if source in ("omniglot", "glyphs") else "mini_imagenet"
