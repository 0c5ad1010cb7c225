"""Models of the noise of paired differences, from which power is simulated: a stated deviation, or what a pilot showed.

Shapes: S studies, n seeds, m test tasks. Accuracies and differences lie in [0, 1] and [-1, 1].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit

from trainers.errors import InputError

from .permutation import Array

FURTHEST = 30.0
"""Shift on the logit scale beyond which an arm is at 0 or 1."""
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(60)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


class NoiseModel(Protocol):
    """Draws studies whose true difference is known. Equal models draw the same studies, and hash alike."""

    def __hash__(self) -> int:
        """Return the same number for equal models."""

    @property
    def limits(self) -> tuple[float, ...]:
        """The largest true difference in each direction that behaves otherwise; symmetric noise has one."""

    def differences(self, true: float, seeds: int, studies: int) -> Array:
        """Return [S, n] paired differences, by seed, of studies with the mean difference `true`; the same for the same
        arguments.
        """


@dataclass(frozen=True)
class NormalNoise:
    """Differences are normal with the standard deviation `sd`, however large they are: right far from 0 and 100 %."""

    sd: float = 1.0

    @property
    def limits(self) -> tuple[float, ...]:
        """50 deviations; no design that can be significant needs more."""
        return (50 * self.sd,)

    def differences(self, true: float, seeds: int, studies: int) -> Array:
        """Return [S, n] normal numbers around `true`."""
        return true + self.sd * _normal(seeds, studies)[..., 0]


@dataclass(frozen=True)
class LogitNoise:
    """Seeds move the logit of an accuracy, test tasks add sampling noise in proportion to p (1 - p): right near 100 %
    too.

    A base accuracy is expit(base + u), the arm's expit(base + shift + v); (v, u) are normal with the variances
    `arm_var` and `base_var`, and `covariance`. A difference then gets normal noise with variance task_var, scaled by
    the mean p (1 - p) of both arms over `spread`, which is that of the pilot. So a difference has less noise the closer
    both arms are to 100 %, and no arm gets beyond.
    """

    base: float
    base_var: float
    arm_var: float
    covariance: float
    task_var: float
    spread: float

    @property
    def limits(self) -> tuple[float, ...]:
        """Nearly down to 0, and nearly up to 100 %."""
        return 0.999 * self._mean(-FURTHEST), 0.999 * self._mean(FURTHEST)

    def differences(self, true: float, seeds: int, studies: int) -> Array:
        """Return [S, n]. Raises ValueError for a difference that would bring the arm beyond 0 or 100 %."""
        lowest, highest = self._mean(-FURTHEST), self._mean(FURTHEST)
        if not lowest < true < highest:
            raise InputError(
                f"true must lie between {lowest:.4f} and {highest:.4f}, not {true}: accuracies end at 0 and 1"
            )
        shift = float(brentq(lambda s: self._mean(s) - true, -FURTHEST, FURTHEST))
        noise = _normal(seeds, studies)
        slope = self.covariance / self.base_var if self.base_var else 0.0
        rest = max(0.0, self.arm_var - slope * self.covariance)
        bases = self.base_var**0.5 * noise[..., 0]
        base = expit(self.base + bases)
        arm = expit(self.base + shift + slope * bases + rest**0.5 * noise[..., 1])
        spread = (arm * (1 - arm) + base * (1 - base)) / 2
        found: Array = arm - base + np.sqrt(self.task_var * spread / self.spread) * noise[..., 2]
        return found

    def _mean(self, shift: float) -> float:
        """Return the true difference at a shift, by Gauss-Hermite quadrature."""
        arm = expit(self.base + shift + self.arm_var**0.5 * _NODES)
        base = expit(self.base + self.base_var**0.5 * _NODES)
        return float(_WEIGHTS @ (arm - base))


def _normal(seeds: int, studies: int) -> Array:
    """Return [S, n, 3] standard normal numbers, always the same: then power rises smoothly with the difference."""
    return np.random.default_rng([3, seeds]).normal(size=(studies, seeds, 3))


def logit_noise(arms: Sequence[Array], bases: Sequence[Array]) -> LogitNoise | None:
    """Return the noise of a pilot's comparisons, pooled over them; None with less than two seeds in each.

    `arms` and `bases` hold, for each comparison, accuracies [n, m] of the same seeds and tasks; m = 1: the means alone,
    all noise then counts as the seeds'. What tasks contribute to the variance of the logits (delta method) is taken
    off, so seeds keep the rest.
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
    """Return what stands for 0 and 1, whose logits are infinite: half as far from them as the closest other mean."""
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
    """Return the nearest covariance matrix: a small pilot can show less variance than its tasks explain."""
    values, vectors = np.linalg.eigh(matrix)
    found: Array = (vectors * np.maximum(values, 0.0)) @ vectors.T
    return found
