"""Means with n and interval. The unit of replication is the seed.

Student's t interval over seeds covers 94 to 96 % at 3 to 16 seeds, however the noise is split between seeds and test
tasks; the usual interval over one run's tasks does not (Lafargue et al. 2024, arXiv 2409.02850). Values that do not
vary have no interval, because they carry no information about the spread.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from statistics import correlation, fmean, stdev

from trainers.errors import InputError

from ..metric import TEST_ACCURACY, Metric
from .permutation import SAME

LEVEL = 0.95
EDGE = 5e-5
"""Half of the last digit of a printed percentage."""
TOO_FEW = "too few seeds"
"""In place of an interval that would be all that can be, or of a verdict that no difference could have."""


@dataclass(frozen=True)
class Estimate:
    """A mean of `n` values and its interval; `low` and `high` are None where n < 2, where nothing varies, or where the
    interval would be all that can be (`too_few` seeds for any knowledge). The mean is NaN at n = 0.
    """

    mean: float
    low: float | None
    high: float | None
    n: int
    too_few: bool = False

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval exists and lies wholly on one side of 0."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)

    @property
    def ends(self) -> tuple[float, float] | None:
        """Both ends of the interval; None where there is none."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    def within(self, least: float, most: float, edge: float = EDGE) -> Estimate:
        """Return the estimate of something between these bounds: its interval ends there, and is none where it would be
        all between them, to within `edge` (half of the last digit that is shown).
        """
        if self.low is None or self.high is None:
            return self
        low, high = max(least, self.low), min(most, self.high)
        if low < least + edge and high > most - edge:
            return replace(self, low=None, high=None, too_few=True)
        return replace(self, low=low, high=high)


def estimate(values: Sequence[float], level: float = LEVEL, same: float = SAME) -> Estimate:
    """Return the mean of `values` with Student's t interval: mean -+ t(n - 1) * sd / sqrt(n).

    Values no further apart than `same` count as equal. Raises ValueError for a non-finite value: the caller must
    exclude such values and report it.
    """
    if bad := [value for value in values if not math.isfinite(value)]:
        raise InputError(f"values must be finite, not {bad[0]}; leave such runs out and count them as excluded")
    n = len(values)
    if alike(values, same):
        return Estimate(fmean(values) if n else math.nan, None, None, n)
    mean = fmean(values)
    half = critical(level, n - 1) * _standard_error(values)
    return Estimate(mean, mean - half, mean + half, n)


def alike(values: Sequence[float], same: float = SAME) -> bool:
    """Return whether `values` lie within `same` of each other; true for fewer than two."""
    return not values or max(values) - min(values) <= same


def metric_estimate(metric: Metric, values: Sequence[float]) -> Estimate:
    """Return the mean with Student's t interval: `accuracy_estimate` if `metric` is a share, else `estimate`."""
    return accuracy_estimate(values) if metric.is_share else estimate(values, same=metric.same(*values))


def _standard_error(values: Sequence[float]) -> float:
    mean, n = fmean(values), len(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1) / n)


def accuracy_estimate(values: Sequence[float]) -> Estimate:
    """Return the mean of accuracies, with Student's t interval on the logit scale, so that it stays within [0, 1].

    logit(m) -+ t(n - 1) * se / (m (1 - m)), back-transformed; m and se are the values' mean and standard error. Raises
    ValueError as `estimate`. Values outside [0, 1] are no accuracies and get `estimate`.
    """
    found = estimate(values)
    if found.low is None or min(values) < 0 or max(values) > 1:
        return found
    m = found.mean
    centre, half = math.log(m / (1 - m)), critical(LEVEL, found.n - 1) * _standard_error(values) / (m * (1 - m))
    return Estimate(m, _expit(centre - half), _expit(centre + half), found.n).within(0, 1)


def _expit(logit: float) -> float:
    return 1 / (1 + math.exp(-logit)) if logit >= 0 else math.exp(logit) / (1 + math.exp(logit))


def difference_estimate(
    values: Sequence[float], level: float = LEVEL, metric: Metric = TEST_ACCURACY, same: float = SAME,
    reach: float = 1.0,
) -> Estimate:  # fmt: skip
    """Return the mean of differences of `metric` with Student's t interval, which ends at -`reach` and `reach` for
    shares: 1, or 2 for a difference of differences. Differences within `same` of each other do not vary. Raises
    ValueError as `estimate`.
    """
    found = estimate(values, level, same)
    return found.within(-reach, reach) if metric.is_share else found


def lower_bound(values: Sequence[float]) -> float:
    """Return the lower end of the one-sided 95 % t interval of the mean; minus infinity for fewer than two values.

    It favours configs that are good with every seed. For equal values it is their mean.
    """
    found = estimate(values, level=2 * LEVEL - 1)
    return found.low if found.low is not None else found.mean if found.n > 1 else -math.inf


def spread(values: Sequence[float], same: float = SAME, most: float = math.inf) -> Estimate:
    """Return the standard deviation of `values` (as `mean`) with its chi-squared 95 % interval (assumes normality),
    which ends at `most` (0.5 for shares) or at the deviation found.
    """
    n = len(values)
    if alike(values, same):
        return Estimate(0.0 if n > 1 else math.nan, None, None, n)
    from scipy.stats import chi2  # here: it takes a second to import

    deviation, freedom = stdev(values), n - 1
    upper, lower = chi2.ppf([(1 + LEVEL) / 2, (1 - LEVEL) / 2], freedom)
    low, high = (deviation * math.sqrt(freedom / bound) for bound in (upper, lower))
    return Estimate(deviation, low, high, n).within(0, max(most, deviation))


def spread_ratio(values: Mapping[int, float], base: Mapping[int, float], same: float = SAME) -> Estimate:
    """Return sd(values) / sd(base) over common seeds, with the 95 % interval for pairs (Morgan 1939, Pitman 1939;
    normal).

    NaN for fewer than two pairs or a base that does not vary. No interval below three pairs, or if both are perfectly
    correlated.
    """
    seeds = sorted(values.keys() & base.keys())
    ours, theirs = [values[seed] for seed in seeds], [base[seed] for seed in seeds]
    n = len(seeds)
    if alike(theirs, same):
        return Estimate(math.nan, None, None, n)
    ratio = 0.0 if alike(ours, same) else stdev(ours) / stdev(theirs)
    if n < 3 or not ratio:
        return Estimate(ratio, None, None, n)
    unexplained = max(0.0, 1 - correlation(ours, theirs) ** 2)
    if unexplained <= SAME:
        return Estimate(ratio, None, None, n)
    k = 1 + 2 * critical(LEVEL, n - 2) ** 2 * unexplained / (n - 2)
    reach = math.sqrt(k + math.sqrt(k * k - 1))
    return Estimate(ratio, ratio / reach, ratio * reach, n)


@lru_cache
def critical(level: float, freedom: int) -> float:
    """Return Student's t quantile of a two-sided interval."""
    from scipy.stats import t as student_t  # here: it takes a second to import

    return float(student_t.ppf((1 + level) / 2, freedom))


def differences(values: Mapping[int, float], base: Mapping[int, float], same: float = SAME) -> dict[int, float]:
    """Return values - base for every common seed, in order; differences of at most `same` become 0."""
    found = {seed: values[seed] - base[seed] for seed in sorted(values.keys() & base.keys())}
    return {seed: value if abs(value) > same else 0.0 for seed, value in found.items()}


def paired(values: Mapping[int, float], base: Mapping[int, float]) -> Estimate:
    """Return the mean paired difference values - base over common seeds, with Student's t interval; n counts pairs."""
    return difference_estimate(list(differences(values, base).values()))


def band(curves: Sequence[Mapping[int, float]], accuracies: bool = True) -> list[tuple[int, Estimate]]:
    """Return (step, estimate over the curves with a finite value at that step) for every step of any curve."""
    of = accuracy_estimate if accuracies else estimate
    steps = sorted({step for curve in curves for step in curve})
    found = []
    for step in steps:
        values = [curve[step] for curve in curves if step in curve and math.isfinite(curve[step])]
        if values:
            found.append((step, of(values)))
    return found
