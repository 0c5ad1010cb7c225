"""Renamed settings: an error in a new spec, translated in the stored spec of a started study."""

from __future__ import annotations

from typing import Any

RENAMED = {"data.turns": "data.rotations", "space.max_work": "space.max_compute"}
"""Old dotted path -> new one, within the same section."""


def renamed_settings(tree: dict[str, Any]) -> list[str]:
    """Return one line for each setting with an old name."""
    return [
        f"{old}: this setting is now called {new.partition('.')[2]}; rename it"
        for old, new in RENAMED.items()
        if old.partition(".")[2] in _section(tree, old)
    ]


def with_new_names(tree: dict[str, Any]) -> dict[str, Any]:
    """Return a spec, as tables by section, with old names replaced by new ones."""
    found = dict(tree)
    for old, new in RENAMED.items():
        (section, _, before), (_, _, now) = old.partition("."), new.partition(".")
        if before in _section(found, old):
            found[section] = {now if name == before else name: value for name, value in found[section].items()}
    return found


def _section(tree: dict[str, Any], path: str) -> dict[str, Any]:
    section = tree.get(path.partition(".")[0])
    return section if isinstance(section, dict) else {}
