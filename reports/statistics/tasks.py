"""Whether accuracies compare: those of tasks that are equally hard."""

from __future__ import annotations

from collections.abc import Iterable

EASIER_TASKS = ("episodes.ways", "episodes.shots")
"""What makes a task easier or harder, so that accuracies do not compare."""


def mixed_tasks(varied: Iterable[str]) -> str:
    """Return what to say of accuracies side by side where settings of `varied` differ; empty if they compare."""
    differing = [path for path in EASIER_TASKS if path in varied]
    if not differing:
        return ""
    return (
        f"Trials differ in {' and '.join(differing)}: tasks of fewer ways or more shots are easier, so the rank says"
        " little across them. Compare trials of the same tasks, or search each by itself."
    )
