"""Comparisons of arms, paired by seed and judged family by family."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from ..metric import Metric
from ..records import Across, Family
from .bootstrap import Interval, hierarchical_interval
from .changes import EffectChange, effect_changes, judge_families
from .estimate import Estimate, alike, difference_estimate, differences
from .family_test import SignFlip
from .judging import USUAL, Judged, Rules
from .noise import NoiseSplit, noise_split
from .permutation import ALPHA, SAME, Array
from .same_tests import unequal_tests
from .verdict import BETTER, Verdict, effect_size

if TYPE_CHECKING:
    from .arms import Arm


@dataclass(frozen=True)
class Comparison:
    """`arm` minus `base`, paired by seed; the study says what runs of equal seeds share (`StudyInfo.pairing`).

    Attributes:
        family: name of the family within which p is adjusted.
        differences: seed -> difference of the primary metric.
        estimate: their mean, with Student's t interval over seeds: of 95 %, or of the level of the last declared look.
        bootstrap: of the same mean, drawn over seeds and their tasks. None without results per task, with one pair, or
            without variation.
        noise: the shares of the differences' variance that come from seeds and from tasks. None as for `bootstrap`.
        test: sign-flip permutation test, adjusted for all comparisons of the family. On signed ranks if any run of the
            family diverged.
        verdict: the decision.
        effect_size: Cohen's d of the pairs; None without variation.
        share_better: share of the paired seeds in which the arm is better, ties counted half, with Wilson's interval.
        diverged, base_diverged: number of runs of either arm that diverged. They have no difference, so the mean covers
            only the seeds that finished.
        base_mean: mean of the base over the paired seeds; NaN without pairs.
        disjoint: both arms have complete runs, but no common seed.
        unequal: the settings in which the tests of the two arms differ; empty if both were tested on the same tasks.
    """

    arm: str
    base: str
    family: str
    differences: Mapping[int, float]
    estimate: Estimate
    bootstrap: Interval | None
    noise: NoiseSplit | None
    test: SignFlip
    verdict: Verdict
    effect_size: float | None
    share_better: Estimate
    diverged: int
    base_diverged: int
    base_mean: float
    disjoint: bool
    unequal: str

    @property
    def finding(self) -> str:
        """The verdict in words, with the diverged runs and the look that decided it."""
        look = f" at {self.test.look} seeds" if self.test.look and self.verdict.direction else ""
        lost = f"; diverged {self.diverged} of {self.diverged + self.estimate.n}" if self.diverged else ""
        if lost and self.verdict.direction == BETTER:
            return f"{BETTER} when it finishes{look}{lost}"
        return f"{self.verdict.text}{look}{lost}"

    @property
    def survivors(self) -> bool:
        """Whether runs of either arm diverged, so that the difference covers only those that finished."""
        return bool(self.diverged or self.base_diverged)


def compare(
    families: Sequence[Family], arms: Mapping[str, Arm], metric: Metric, rules: Rules = USUAL, together: bool = False,
    across: Across | None = None,
) -> tuple[tuple[Comparison, ...], tuple[EffectChange, ...]]:  # fmt: skip
    """Return every comparison of every family in order, and how each changes `across` a setting; a comparison whose arm
    or base is not in `arms` has no pairs of seeds.

    `together`: adjust p over all families as if they were one.
    """
    pairs = [(family, arm, base) for family in families for arm, base in family.comparisons]
    same = tolerance(arms.values(), metric)
    found = {(a, b): differences(_values(arms, a), _values(arms, b), same) for _, a, b in pairs}
    per_task = {(a, b): _per_task(arms, a, b, list(found[a, b]), metric) for _, a, b in pairs}
    bootstraps = _bootstraps(per_task, same)
    rules = replace(rules, unit=metric.sign * SAME / same, scale=metric.scale, shown=metric.difference_unit)
    verdicts, changed = judge_families(families, across, arms, rules, together)
    level = rules.looks[-1].level if rules.looks else ALPHA
    comparisons = tuple(
        _comparison(family.name, arms.get(arm), arms.get(base), (arm, base), found[arm, base], one, level,
                    bootstraps.get((arm, base)), per_task[arm, base], metric, same)
        for (family, arm, base), one in zip(pairs, verdicts, strict=True)
    )  # fmt: skip
    if across is None:
        return comparisons, ()
    return comparisons, effect_changes(families, across, arms, metric, rules, changed, same, together)


def _comparison(
    family: str, arm: Arm | None, base: Arm | None, pair: tuple[str, str], found: Mapping[int, float], judged: Judged,
    level: float, bootstrap: Interval | None, per_task: Array | None, metric: Metric, same: float,
) -> Comparison:  # fmt: skip
    values = list(found.values())
    there = (arm, base) if arm and base and arm.values and base.values else None
    base_mean = fmean(base.values[seed] for seed in found) if base and found else math.nan
    unequal = unequal_tests(*there, list(found)) if there and not metric.is_validation else ""
    return Comparison(
        *pair,
        family,
        found,
        difference_estimate(values, 1 - level, metric, same),
        bootstrap,
        None if per_task is None else noise_split(per_task),
        judged.test,
        judged.verdict,
        effect_size(values, same),
        share_better([metric.sign * value for value in values], same),
        _diverged(arm),
        _diverged(base),
        base_mean,
        there is not None and not found,
        unequal,
    )


def tolerance(arms: Iterable[Arm], metric: Metric) -> float:
    """Return the distance up to which two values of `metric` in these arms count as equal; above 0."""
    return metric.same(*(value for arm in arms for value in arm.values.values())) or SAME


def share_better(values: Sequence[float], same: float = SAME) -> Estimate:
    """Return the share of differences above 0, those at 0 counted half, with Wilson's 95 % interval; n = 0 has NaN."""
    from statsmodels.stats.proportion import proportion_confint  # slow to import

    if not values:
        return difference_estimate([])
    better = sum(1.0 if value > same else 0.5 if value >= -same else 0.0 for value in values)
    low, high = proportion_confint(better, len(values), method="wilson")
    return Estimate(better / len(values), float(low), float(high), len(values))


def _values(arms: Mapping[str, Arm], name: str) -> Mapping[int, float]:
    return arms[name].values if name in arms else {}


def _diverged(arm: Arm | None) -> int:
    return len(arm.diverged) if arm else 0


def _per_task(arms: Mapping[str, Arm], arm: str, base: str, seeds: list[int], metric: Metric) -> Array | None:
    """Return differences [n seeds, m tasks]; None unless all runs were tested on equally many tasks."""
    if metric.is_validation or not seeds:
        return None
    rows = [[arms[name].tasks_of(seed) for seed in seeds] for name in (arm, base)]
    lengths = {len(tasks) for side in rows for tasks in side}
    if len(lengths) != 1 or 0 in lengths:
        return None
    ours, theirs = (np.asarray(side, dtype=np.float64) for side in rows)
    found: Array = ours - theirs
    return found if np.isfinite(found).all() else None


def _bootstraps(per_task: Mapping[tuple[str, str], Array | None], same: float) -> dict[tuple[str, str], Interval]:
    """Return the interval of each pair that has one; pairs of the same shape share their draws, the slow part."""
    shapes: dict[tuple[int, ...], list[tuple[str, str]]] = {}
    for pair, matrix in per_task.items():
        if matrix is not None and not alike(matrix.mean(1).tolist(), same):
            shapes.setdefault(matrix.shape, []).append(pair)
    found = {}
    for members in shapes.values():
        stacked = np.stack([matrix for pair in members if (matrix := per_task[pair]) is not None])
        for pair, (low, high) in zip(members, hierarchical_interval(stacked).tolist(), strict=True):
            found[pair] = Interval(low, high)
    return found
