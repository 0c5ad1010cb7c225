"""Checks that two arms were tested on the same tasks, as paired differences assume."""

from __future__ import annotations

from collections.abc import Sequence

from .arms import Arm

OF_THE_TEST = ("episodes.ways", "episodes.shots", "episodes.queries", "evaluation.test_tasks")
"""Settings that decide which test tasks a seed draws."""


def unequal_tests(arm: Arm, base: Arm, seeds: Sequence[int]) -> str:
    """Return how the tests of both arms differ in these seeds ("evaluation.test_tasks 300 and 600"); empty if they do
    not.
    """
    sides = [[run for run in one.used if run.seed in seeds] for one in (arm, base)]
    found = []
    for path in OF_THE_TEST:
        ours, theirs = ({run.params[path] for run in side if path in run.params} for side in sides)
        if ours and theirs and ours != theirs:
            found.append(f"{path} {' or '.join(sorted(ours))} and {' or '.join(sorted(theirs))}")
    counts = [{len(one.tasks_of(seed)) for seed in seeds} - {0} for one in (arm, base)]
    if all(counts) and counts[0] != counts[1] and not found:
        found.append(" and ".join(" or ".join(map(str, sorted(own))) for own in counts) + " test tasks")
    return ", ".join(found)
