"""Looks taken at a study: the complete seeds that a command showed, and what was declared by then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class RecordedLook:
    """One look: the complete `seeds` shown, and the looks and the margin (points) that the spec declared."""

    seeds: tuple[int, ...]
    looks: tuple[int, ...] = ()
    margin: float | None = None


def recorded_look(tree: Mapping[str, Any]) -> RecordedLook:
    """Return a `RecordedLook` from its JSON form. Raises TypeError, ValueError or KeyError for another form."""
    margin = tree.get("margin")
    return RecordedLook(
        tuple(int(seed) for seed in tree["seeds"]),
        tuple(int(look) for look in tree.get("looks", ())),
        None if margin is None else float(margin),
    )
