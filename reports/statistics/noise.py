"""Splits the variance of a paired difference into seed and task components."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainers.errors import InputError

LEVEL = 0.95


@dataclass(frozen=True)
class NoiseSplit:
    """Random-effects analysis of variance of per-task differences, n seeds with m tasks each.

    A seed's mean difference varies with variance seed_sd^2 + task_sd^2 / tasks. `share` is the seeds' share of it, in
    [0, 1], with its 95 % interval (`low`, `high`; from the F distribution, wide with few seeds). If the share is small,
    more tasks help; if it is large, only more seeds do. Attributes are in the unit of the differences.
    """

    seed_sd: float
    task_sd: float
    seeds: int
    tasks: int
    share: float
    low: float
    high: float

    def sd_with(self, tasks: int) -> float:
        """Return the standard deviation of a seed's mean difference with that many test tasks."""
        return math.sqrt(self.seed_sd**2 + self.task_sd**2 / tasks)


def noise_split(differences: npt.ArrayLike) -> NoiseSplit | None:
    """Return the split for `differences` [n seeds, m tasks]; None for n or m below 2, or if nothing varies within
    seeds.

    Raises ValueError for a value that is not finite.
    """
    values = np.asarray(differences, dtype=np.float64)
    if not np.isfinite(values).all():
        raise InputError("differences must be finite; leave such runs out and count them as excluded")
    n, m = values.shape
    if n < 2 or m < 2:
        return None
    within = float(values.var(axis=1, ddof=1).mean())
    between = float(values.mean(axis=1).var(ddof=1))
    if within == 0:
        return None
    ratio = between / (within / m)  # distributed as F(n - 1, n (m - 1)) / (1 - share)
    from scipy.stats import f as fisher_f  # here: it takes a second to import

    upper, lower = fisher_f.ppf([(1 + LEVEL) / 2, (1 - LEVEL) / 2], n - 1, n * (m - 1))
    share, low, high = (max(0.0, 1 - bound / ratio) if ratio else 0.0 for bound in (1.0, upper, lower))
    seed_variance = max(0.0, between - within / m)
    return NoiseSplit(math.sqrt(seed_variance), math.sqrt(within), n, m, share, low, high)
