"""Verdict on a comparison: better, worse, equivalent or undecided, and how many seeds would decide it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import fmean, stdev

import numpy as np
from scipy.stats import nct
from scipy.stats import t as student_t

from .declared_test import POWER
from .estimate import TOO_FEW, alike
from .permutation import SAME, Array, smallest_p

MOST_SEEDS = 200
"""Largest number of seeds that is suggested."""
BETTER, WORSE, EQUIVALENT, UNDECIDED, SAME_RUNS = "better", "worse", "equivalent", "undecided", "no difference"


@dataclass(frozen=True)
class Verdict:
    """The decision on a comparison.

    Attributes:
        direction: "better" or "worse" if the adjusted test decided; else "".
        equivalent: the difference was found to be smaller than the margin.
        beyond: the adjusted interval lies wholly beyond the margin.
        margin: in the unit in which the metric is shown, points for accuracies; None without one.
        equivalence_p: Holm-adjusted p of the two one-sided tests; None without a margin, variation, or with runs that
            diverged.
        identical: no seed has any difference.
        seeds: number of seeds that would decide it in 80 % of studies if the observed mean and standard deviation were
            the true ones; 201 for more than 200, None if decided or unknown.
        too_few: undecided, and no data with so few seeds could have made it better or worse.
    """

    direction: str = ""
    equivalent: bool = False
    beyond: bool = False
    margin: float | None = None
    equivalence_p: float | None = None
    identical: bool = False
    seeds: int | None = None
    unit: str = "points"
    too_few: bool = False

    @property
    def decided(self) -> bool:
        """Whether anything was decided."""
        return bool(self.direction) or self.equivalent

    @property
    def word(self) -> str:
        """In short: "better", "worse", "equivalent", "undecided", "too few seeds", or "no difference" where runs are
        identical.
        """
        if self.direction:
            return self.direction
        if self.equivalent or self.identical:
            return EQUIVALENT if self.equivalent else SAME_RUNS
        return TOO_FEW if self.too_few else UNDECIDED

    @property
    def text(self) -> str:
        """The word, the size of the effect relative to the margin, and how many seeds would decide it."""
        if self.direction and self.equivalent:
            return f"{self.direction}, by less than {self.margin_text}"
        if self.direction and self.beyond:
            return f"{self.direction}, by more than {self.margin_text}"
        if self.equivalent and not self.direction:
            return f"{EQUIVALENT} (within {self.margin_text})"
        if not self.decided and not self.identical and self.seeds is not None:
            more = f"more than {MOST_SEEDS}" if self.seeds > MOST_SEEDS else f"about {self.seeds}"
            return f"{self.word} ({more}{'' if self.too_few else ' seeds'} would decide it)"
        return self.word if not self.identical else f"{SAME_RUNS} in any seed"

    @property
    def margin_text(self) -> str:
        """The margin with its unit: "1 point"; empty without one."""
        if self.margin is None:
            return ""
        unit = self.unit[:-1] if self.unit == "points" and self.margin == 1 else self.unit
        return f"{self.margin:g} {unit}".rstrip()


def equivalence_p(values: Sequence[float], margin: float) -> float | None:
    """Return p of the two one-sided tests that the mean of `values` lies within `margin`, in the same unit.

    The larger p of two Student t tests; None below two values, or without variation.
    """
    if alike(values):
        return None
    n, mean, error = len(values), fmean(values), stdev(values) / len(values) ** 0.5
    above, below = student_t.sf((mean + margin) / error, n - 1), student_t.cdf((mean - margin) / error, n - 1)
    return float(max(above, below))


def beyond_margin(values: Sequence[float], margin: float, level: float) -> bool:
    """Return whether Student's t interval of confidence 1 - `level` lies wholly beyond +-margin."""
    if alike(values) or not level:
        return False
    half = float(student_t.ppf(1 - level / 2, len(values) - 1)) * stdev(values) / len(values) ** 0.5
    return bool(abs(fmean(values)) - half > margin)


def effect_size(values: Sequence[float], same: float = SAME) -> float | None:
    """Return Cohen's d of pairs: their mean difference in standard deviations of the differences; None without
    variation.
    """
    return None if alike(values, same) else fmean(values) / stdev(values)


def seeds_to_decide(values: Sequence[float], size: int, level: float, margin: float | None) -> int | None:
    """Return the fewest seeds that would decide a comparison in 80 % of studies, either way, if `values` have the true
    mean and standard deviation; 201 for more than 200.

    Uses Bonferroni's level for a family of `size`, so it is slightly pessimistic. None below two values or without
    variation.
    """
    if alike(values):
        return None
    ratio = abs(fmean(values)) / stdev(values)
    within = None if margin is None else margin / stdev(values)
    powers = _powers(round(ratio, 6), None if within is None else round(within, 6), level, size)
    enough = np.flatnonzero((powers >= POWER) & (np.arange(2, MOST_SEEDS + 1) > len(values)))
    return int(enough[0]) + 2 if len(enough) else MOST_SEEDS + 1


@lru_cache(maxsize=256)
def _powers(ratio: float, margin: float | None, level: float, size: int) -> Array:
    """Return the power with 2, 3, ... seeds of the better of the two tests, for a standardised difference `ratio`."""
    n = np.arange(2, MOST_SEEDS + 1)
    could = np.array(
        [smallest_p(int(seeds)) <= level for seeds in n]
    )  # with fewer seeds no sign-flip test is significant
    level = level / size
    bound = student_t.ppf(1 - level / 2, n - 1)
    found = np.where(could, nct.sf(bound, n - 1, max(ratio, SAME) * n**0.5), 0.0)
    if margin is not None and ratio < margin:
        one_sided, root = student_t.ppf(1 - level, n - 1), n**0.5
        inside = student_t.cdf((margin - ratio) * root - one_sided, n - 1)
        inside += student_t.cdf((margin + ratio) * root - one_sided, n - 1) - 1
        found = np.maximum(found, inside)
    return np.asarray(np.nan_to_num(found))
