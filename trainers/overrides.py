"""Merges overrides into a `TrainerConfig`, and flattens a config into settings.

`normalise` turns overrides (a preset, an arm, a sample) into a `TrainerConfig` and returns what it dropped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import NoneType
from typing import Any

from .config import TrainerConfig
from .errors import InputError
from .inert import Inert, inert_settings
from .sections import COMPONENTS

Tree = dict[str, Any]
_LEAVES = (str, float, int, NoneType)  # quicker to tell than a Mapping


def merge(base: Mapping[str, Any], *overrides: Mapping[str, Any]) -> Tree:
    """Return `base` updated with `overrides`; keys are nested tables or dotted paths, later ones win.

    A component that is "off" or "on" in `base` becomes a table if an override sets one of its settings.
    """
    tree: Tree = {}
    for layer in (base, *overrides):
        for key, value in layer.items():
            head, _, rest = key.partition(".")
            if rest or (not isinstance(value, _LEAVES) and isinstance(value, Mapping)):
                below = tree.get(head)
                inside = {rest: value} if rest else value
                tree[head] = merge(below if isinstance(below, dict) else {}, inside)
            else:
                tree[head] = value
    return tree


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the leaves of `tree` by dotted path."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[prefix + key] = value
    return flat


def normalise(
    tree: Mapping[str, Any], typed: Mapping[str, Any] | None = None
) -> tuple[TrainerConfig, tuple[Inert, ...]]:
    """Return the config that `tree` describes, without its inert settings, and the dropped settings.

    `typed` contains the settings that the user wrote (a part of `tree`): if one of them is inert, ValueError is raised.
    Raises `pydantic.ValidationError` for any other problem.
    """
    dropped: list[Inert] = []
    while True:
        config = TrainerConfig.model_validate(tree, context={"keep_inert": True})
        found = inert_settings(config)
        if not found:
            return config, tuple(dropped)
        for inert in typed_among(found, typed or {}):
            raise InputError(inert.message)
        tree = merge(config.model_dump(), {inert.path: inert.value for inert in found})
        dropped += found


def typed_among(found: Iterable[Inert], typed: Mapping[str, Any]) -> list[Inert]:
    """Return the inert settings that a user wrote, directly or through a setting of an inert component."""
    written = [path for path, value in flatten(merge(typed)).items() if value != "off"]
    return [inert for inert in found if any(f"{path}.".startswith(f"{inert.path}.") for path in written)]


def settings(config: TrainerConfig) -> dict[str, Any]:
    """Return every setting of `config` by dotted path: the flat parameters in a run's record.

    A component that is on appears as "on", in addition to its own settings.
    """
    return flat_settings(config.model_dump(), COMPONENTS)


def flat_settings(tree: Mapping[str, Any], components: Iterable[str]) -> dict[str, Any]:
    """Return `settings` of a config that was dumped to `tree`."""
    return {name: "on" for name in components if isinstance(tree[name], dict)} | flatten(tree)


def read_value(text: str) -> Any:
    """Parse `text` as a number, boolean, None or word."""
    text = text.strip()
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None if text == "None" else text
