"""Variance removed by pairing by seed, and the skewness of paired differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import correlation, fmean, variance

from .estimate import alike
from .permutation import SAME

FEWEST = 8
"""Fewest seeds for which skewness is informative."""
SUSPECT = 2.6
"""Differences look skewed beyond this many standard errors of a normal sample's skewness: 1 in 100 by chance."""


@dataclass(frozen=True)
class PairingGain:
    """`correlation` of arm and base over their common seeds; `removed`: share of the variance of an unpaired difference
    of means that pairing removed; negative if pairing added variance.
    """

    correlation: float
    removed: float


def pairing_gain(arm: Mapping[int, float], base: Mapping[int, float], same: float = SAME) -> PairingGain | None:
    """Return the gain from pairing; None below three common seeds, or if either arm does not vary by more than
    `same`.
    """
    seeds = sorted(arm.keys() & base.keys())
    ours, theirs = [arm[seed] for seed in seeds], [base[seed] for seed in seeds]
    if len(seeds) < 3 or alike(ours, same) or alike(theirs, same):
        return None
    paired = variance([a - b for a, b in zip(ours, theirs, strict=True)])
    return PairingGain(correlation(ours, theirs), 1 - paired / (variance(ours) + variance(theirs)))


def skewness(values: Sequence[float], same: float = SAME) -> float:
    """Return the third standardised moment of `values`; 0 if they do not vary by more than `same`."""
    mean = fmean(values) if values else 0.0
    second = fmean([(value - mean) ** 2 for value in values]) if not alike(values, same) else 0.0
    return fmean([(value - mean) ** 3 for value in values]) / second**1.5 if second else 0.0


def looks_skewed(values: Sequence[float], same: float = SAME) -> bool:
    """Return whether differences look skewed, so that the sign-flip test's error rate may exceed its level."""
    n = len(values)
    if n < FEWEST:
        return False
    error = (6 * (n - 2) / ((n + 1) * (n + 3))) ** 0.5
    return bool(abs(skewness(values, same)) > SUSPECT * error)
