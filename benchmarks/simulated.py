"""Simulated studies whose truth is known: arms and their base, 8 seeds, 100 test tasks of 25 queries.

A task's accuracy is binomial; its probability is the method's, shifted on the logit scale by task (the same for all
arms) and by arm and seed. The second shift is scaled so that seeds account for a stated share of the variance of a
seed's mean paired difference.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit

from reports.statistics.permutation import Array

ARMS, SEEDS, TASKS, QUERIES = 5, 8, 100, 25
SHARES = (0.1, 0.3, 0.5, 0.8, 0.95)
ACCURACIES = (0.6, 0.98)
TASK_SD = 0.5
"""Standard deviation of the shift by task, on the logit scale."""


@dataclass(frozen=True)
class Setting:
    """Mean accuracy without shifts, and the standard deviation of the shift by arm and seed (logit scale)."""

    accuracy: float
    seed_sd: float


def scores(setting: Setting, studies: int, shift: float, generator: np.random.Generator, arms: int = ARMS) -> Array:
    """Return accuracies [studies, 1 + arms, seeds, tasks], the base first; `shift` changes the first arm's probability
    on the logit scale.
    """
    tasks = generator.normal(0, TASK_SD, (studies, 1, SEEDS, TASKS))
    seeds = generator.normal(0, setting.seed_sd, (studies, arms + 1, SEEDS, 1))
    seeds[:, 1] += shift
    found: Array = generator.binomial(QUERIES, expit(logit(setting.accuracy) + tasks + seeds)) / QUERIES
    return found


def differences(
    setting: Setting, studies: int, shift: float, generator: np.random.Generator, arms: int = ARMS
) -> Array:
    """Return differences [studies, arms, seeds, tasks]: arm minus base."""
    found = scores(setting, studies, shift, generator, arms)
    return found[:, 1:] - found[:, :1]


def share_of(setting: Setting) -> float:
    """Return the seeds' share of the variance of a seed's mean difference, from its definition."""
    values = differences(setting, 400, 0.0, np.random.default_rng(7), arms=1).reshape(-1, TASKS)
    of_tasks = values.var(axis=1, ddof=1).mean() / TASKS
    return 1 - float(of_tasks / values.mean(1).var(ddof=1))


def setting_with(accuracy: float, share: float) -> Setting:
    """Return the setting in which seeds have this share, by bisection."""
    low, high = 0.0, 3.0
    for _ in range(14):
        middle = (low + high) / 2
        low, high = (middle, high) if share_of(Setting(accuracy, middle)) < share else (low, middle)
    return Setting(accuracy, (low + high) / 2)


def shift_with(setting: Setting, true: float) -> float:
    """Return the shift of an arm whose mean difference from its base is `true`; shifts by task and by seed are normal,
    so their sum is too.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    logits = logit(setting.accuracy) + nodes * math.hypot(TASK_SD, setting.seed_sd)
    excess: Callable[[float], float] = lambda shift: float(  # noqa: E731
        weights @ (expit(logits + shift) - expit(logits)) / weights.sum() - true
    )
    return float(brentq(excess, -20, 20))
