"""Noise models of paired differences for power simulation: a given standard deviation, or one from a pilot study.

Shapes: S studies, n seeds, m test tasks, c comparisons of a family. Accuracies lie in [0, 1],
differences in [-1, 1].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit

from trainers.errors import InputError

from .declared_test import null_studies
from .permutation import Array

FURTHEST = 30.0
"""Logit shift beyond which an arm's accuracy is 0 or 1."""
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(60)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


class NoiseModel(Protocol):
    """Simulates studies with a known true difference. Equal models simulate the same studies and have equal hashes."""

    def __hash__(self) -> int:
        """Return the same number for equal models."""

    @property
    def limits(self) -> tuple[float, ...]:
        """The largest true difference in each direction; symmetric noise has a single entry."""

    def differences(self, true: float, seeds: int, studies: int) -> Array:
        """Return [S, n] paired differences, by seed, of studies with the mean difference `true`; the same for the same
        arguments.
        """

    def family(self, true: float, seeds: int, studies: int, size: int) -> Array:
        """Return [S, c, n] paired differences of a family whose first comparison has the mean difference `true`, the
        others 0; all share their base.
        """


@dataclass(frozen=True)
class NormalNoise:
    """Normal differences with the constant standard deviation `sd`: suitable far from 0 and 100 %."""

    sd: float = 1.0

    @property
    def limits(self) -> tuple[float, ...]:
        """50 standard deviations: enough for any design that can be significant."""
        return (50 * self.sd,)

    def differences(self, true: float, seeds: int, studies: int) -> Array:
        """Return [S, n] normal numbers around `true`."""
        return true + self.sd * _normal(seeds, studies)[..., 0]

    def family(self, true: float, seeds: int, studies: int, size: int) -> Array:
        """Return [S, c, n] normal numbers that correlate by one half."""
        found = self.sd * null_studies(size, seeds, studies)
        found[:, 0] += true
        return found


@dataclass(frozen=True)
class LogitNoise:
    """Seeds shift the logit of an accuracy, and test tasks add sampling noise in proportion to p (1 - p): suitable near
    100 % too.

    A base accuracy is expit(base + u), the arm's expit(base + shift + v); (v, u) are normal with the variances
    `arm_var` and `base_var`, and `covariance`. A difference then gets normal noise with variance task_var, scaled by
    the mean p (1 - p) of both arms over `spread`, which is that of the pilot. So the noise shrinks as both arms
    approach 100 %, which neither exceeds.
    """

    base: float
    base_var: float
    arm_var: float
    covariance: float
    task_var: float
    spread: float

    @property
    def limits(self) -> tuple[float, ...]:
        """Differences that bring the arm almost to 0 and almost to 100 %."""
        return 0.999 * self._mean(-FURTHEST), 0.999 * self._mean(FURTHEST)

    def differences(self, true: float, seeds: int, studies: int) -> Array:
        """Return [S, n]. Raises ValueError for a difference that would put the arm outside 0 to 100 %."""
        noise = _normal(seeds, studies)
        return self._drawn(self._shift(true), noise[..., 0], noise[..., 1], noise[..., 2])

    def family(self, true: float, seeds: int, studies: int, size: int) -> Array:
        """Return [S, c, n]; half of the noise of tasks is the base's. Raises ValueError as `differences`."""
        generator = np.random.default_rng([5, size, seeds])
        base = generator.normal(size=(studies, 2, seeds))
        arms = generator.normal(size=(studies, 2, size, seeds))
        shifts = np.full((size, 1), self._shift(0.0))
        shifts[0] = self._shift(true)
        tasks = (arms[:, 1] - base[:, None, 1]) / 2**0.5
        return self._drawn(shifts, base[:, None, 0], arms[:, 0], tasks)

    def _drawn(self, shift: float | Array, of_base: Array, of_arm: Array, of_tasks: Array) -> Array:
        """Return differences from normal numbers of standard deviation 1."""
        slope = self.covariance / self.base_var if self.base_var else 0.0
        rest = max(0.0, self.arm_var - slope * self.covariance)
        bases = self.base_var**0.5 * of_base
        base = expit(self.base + bases)
        arm = expit(self.base + shift + slope * bases + rest**0.5 * of_arm)
        spread = (arm * (1 - arm) + base * (1 - base)) / 2
        found: Array = arm - base + np.sqrt(self.task_var * spread / self.spread) * of_tasks
        return found

    def _shift(self, true: float) -> float:
        """Return the logit shift of the arm that gives the mean difference `true`."""
        lowest, highest = self._mean(-FURTHEST), self._mean(FURTHEST)
        if not lowest < true < highest:
            raise InputError(
                f"true must lie between {lowest:.4f} and {highest:.4f}, not {true}: accuracies end at 0 and 1"
            )
        return float(brentq(lambda s: self._mean(s) - true, -FURTHEST, FURTHEST))

    def _mean(self, shift: float) -> float:
        """Return the mean difference at a logit shift, by Gauss-Hermite quadrature."""
        arm = expit(self.base + shift + self.arm_var**0.5 * _NODES)
        base = expit(self.base + self.base_var**0.5 * _NODES)
        return float(_WEIGHTS @ (arm - base))


def _normal(seeds: int, studies: int) -> Array:
    """Return [S, n, 3] standard normal numbers, always the same, so that power is smooth in the difference."""
    return np.random.default_rng([3, seeds]).normal(size=(studies, seeds, 3))


def logit_noise(arms: Sequence[Array], bases: Sequence[Array]) -> LogitNoise | None:
    """Return the noise of a pilot's comparisons, pooled over them; None with fewer than two seeds in each.

    `arms` and `bases` hold, for each comparison, accuracies [n, m] of the same seeds and tasks; with m = 1 (means only)
    all noise counts as seed noise. The tasks' contribution to the variance of the logits (delta method) is subtracted;
    the rest is seed noise.
    """
    freedom = sum(len(arm) - 1 for arm in arms)
    if freedom < 1:
        return None
    ends = _ends([*arms, *bases])
    between, tasks_logit, task_var, spread, level = np.zeros((2, 2)), np.zeros((2, 2)), 0.0, 0.0, 0.0
    for arm, base in zip(arms, bases, strict=True):
        share = (len(arm) - 1) / freedom
        means = np.clip([arm.mean(1), base.mean(1)], *ends)
        logits, slopes = logit(means), means * (1 - means)
        sampling = _sampling(arm, base)
        between += share * np.cov(logits) if share else 0.0
        tasks_logit += share * (sampling / (slopes[:, None] * slopes[None])).mean(2)
        task_var += share * float((sampling[0, 0] + sampling[1, 1] - 2 * sampling[0, 1]).mean())
        spread += share * float(slopes.mean())
        level += share * float(logits[1].mean())
    seeds = _positive(between - tasks_logit)
    return LogitNoise(level, float(seeds[1, 1]), float(seeds[0, 0]), float(seeds[0, 1]), task_var, spread)


def _ends(values: Sequence[Array]) -> tuple[float, float]:
    """Return replacements for 0 and 1 (infinite logits): half as far from them as the closest other mean."""
    means = np.concatenate([value.mean(1) for value in values])
    inner = means[(means > 0) & (means < 1)]
    gap = float(np.minimum(inner, 1 - inner).min()) / 2 if len(inner) else 0.25
    return gap, 1 - gap


def _sampling(arm: Array, base: Array) -> Array:
    """Return [2, 2, n]: covariance of both means of a seed that comes from the choice of its test tasks."""
    m = arm.shape[1]
    if m < 2:
        return np.zeros((2, 2, len(arm)))
    both = np.stack([arm, base])
    gaps = both - both.mean(2, keepdims=True)
    found: Array = np.einsum("ism,jsm->ijs", gaps, gaps) / (m - 1) / m
    return found


def _positive(matrix: Array) -> Array:
    """Return the nearest covariance matrix, because a small pilot can vary less than its tasks explain."""
    values, vectors = np.linalg.eigh(matrix)
    found: Array = (vectors * np.maximum(values, 0.0)) @ vectors.T
    return found
