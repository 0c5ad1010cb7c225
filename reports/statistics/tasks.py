"""Checks that accuracies are comparable: of equally hard tasks."""

from __future__ import annotations

from collections.abc import Iterable

EASIER_TASKS = ("episodes.ways", "episodes.shots")
"""Settings that make tasks easier or harder."""


def mixed_tasks(varied: Iterable[str]) -> str:
    """Return a warning if `varied` makes accuracies incomparable; else empty."""
    differing = [path for path in EASIER_TASKS if path in varied]
    if not differing:
        return ""
    return (
        f"Trials differ in {' and '.join(differing)}: tasks of fewer ways or more shots are easier, so ranks across"
        " them mean little. Compare trials of the same tasks, or search each by itself."
    )
