"""Arms compared in pairs by seed, family by family: all numbers of a comparison in one value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .. import records as names
from ..records import Family
from .bootstrap import Interval, hierarchical_interval
from .estimate import Estimate, differences, estimate
from .noise import NoiseSplit, noise_split
from .permutation import Array, SignFlip, family_tests

if TYPE_CHECKING:
    from .arms import Arm


@dataclass(frozen=True)
class Comparison:
    """`arm` minus `base`, paired by seed: same initial weights, same training tasks, same test tasks.

    Attributes:
        family: name of the family within which p is adjusted.
        differences: seed -> difference of the primary metric.
        estimate: their mean, with Student's t interval over seeds. The interval to judge by.
        bootstrap: of the same mean, drawn over seeds and their tasks. None without results per task, or with one pair.
        noise: how much of the differences' noise comes from seeds, and how much from tasks. None as for `bootstrap`.
        test: sign-flip permutation test, Holm-adjusted within the family.
        improvement: share of seeds in which the arm is better, ties counted half, with Wilson's interval.
        diverged, base_diverged: runs of either arm that ended in a loss that is not finite. They have no difference to
            give, so a mean is one over the seeds that survived.
    """

    arm: str
    base: str
    family: str
    differences: Mapping[int, float]
    estimate: Estimate
    bootstrap: Interval | None
    noise: NoiseSplit | None
    test: SignFlip
    improvement: Estimate
    diverged: int
    base_diverged: int


def compare(families: Sequence[Family], arms: Mapping[str, Arm], metric: str) -> tuple[Comparison, ...]:
    """Return every comparison of every family, in their order; pairs whose arm or base is not in `arms` have no pairs of seeds."""
    pairs = [(family, arm, base) for family in families for arm, base in family.comparisons]
    found = {(a, b): differences(_values(arms, a), _values(arms, b)) for _, a, b in pairs}
    per_task = {(a, b): _per_task(arms, a, b, list(found[a, b]), metric) for _, a, b in pairs}
    bootstraps = _bootstraps(per_task)
    tests = [t for f in families for t in family_tests([list(found[pair].values()) for pair in f.comparisons])]
    return tuple(
        Comparison(
            arm, base, family.name, found[arm, base], estimate(list(found[arm, base].values())),
            bootstraps.get((arm, base)), _noise(per_task[arm, base]), test, improvement(list(found[arm, base].values())),
            _diverged(arms, arm), _diverged(arms, base),
        )
        for (family, arm, base), test in zip(pairs, tests, strict=True)
    )  # fmt: skip


def improvement(values: Sequence[float]) -> Estimate:
    """Return the share of differences above 0, those at 0 counted half, with Wilson's 95 % interval; n = 0 has NaN."""
    from statsmodels.stats.proportion import proportion_confint  # seconds to import

    if not values:
        return estimate([])
    better = sum(1.0 if value > 0 else 0.5 if value == 0 else 0.0 for value in values)
    low, high = proportion_confint(better, len(values), method="wilson")
    return Estimate(better / len(values), float(low), float(high), len(values))


def _values(arms: Mapping[str, Arm], name: str) -> Mapping[int, float]:
    return arms[name].values if name in arms else {}


def _diverged(arms: Mapping[str, Arm], name: str) -> int:
    return arms[name].counts.get(names.DIVERGED, 0) if name in arms else 0


def _per_task(arms: Mapping[str, Arm], arm: str, base: str, seeds: list[int], metric: str) -> Array | None:
    """Return differences [n seeds, m tasks]; None unless all runs were tested on equally many tasks."""
    if metric != names.TEST_ACCURACY or not seeds:
        return None
    rows = [[arms[name].tasks_of(seed) for seed in seeds] for name in (arm, base)]
    lengths = {len(tasks) for side in rows for tasks in side}
    if len(lengths) != 1 or 0 in lengths:
        return None
    ours, theirs = (np.asarray(side, dtype=np.float64) for side in rows)
    found: Array = ours - theirs
    return found if np.isfinite(found).all() else None


def _noise(per_task: Array | None) -> NoiseSplit | None:
    return None if per_task is None else noise_split(per_task)


def _bootstraps(per_task: Mapping[tuple[str, str], Array | None]) -> dict[tuple[str, str], Interval]:
    """Return the interval of each pair that has one; pairs of one shape share their draws, which is what takes the time."""
    shapes: dict[tuple[int, ...], list[tuple[str, str]]] = {}
    for pair, matrix in per_task.items():
        if matrix is not None and len(matrix) > 1:
            shapes.setdefault(matrix.shape, []).append(pair)
    found = {}
    for members in shapes.values():
        stacked = np.stack([matrix for pair in members if (matrix := per_task[pair]) is not None])
        for pair, (low, high) in zip(members, hierarchical_interval(stacked).tolist(), strict=True):
            found[pair] = Interval(low, high)
    return found
