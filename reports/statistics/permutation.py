"""Sign-flip permutation tests over seeds, Holm's correction, and the smallest p for a number of seeds.

If an arm has no effect, each seed's paired difference is as likely to be positive as negative. The p value is the share
of all 2^n sign patterns whose mean is at least as far from 0 as the observed one. It assumes no distribution beyond
this symmetry. With n seeds it cannot be below 2 / 2^n, so a small study cannot be significant however large its
differences are.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from ..metric import COUNTED

Array = npt.NDArray[np.float64]

ALPHA = 0.05
EXACT_UP_TO = 20
"""Number of seeds above which `MOST_FLIPS` of the 2^n patterns are drawn, with a random seed that depends on n only."""
MOST_FLIPS = 2 ** (EXACT_UP_TO - 1)
"""Most sign patterns: all for 20 seeds, because a pattern and its mirror image have the same |mean|."""
SAME = COUNTED
"""Differences of accuracies below this are none."""
TIES = 1e-9
"""Relative tolerance for statistics that are equal up to rounding."""
BLOCK = 2**22
_TABLE = 16


def settled(values: npt.ArrayLike) -> Array:
    """Return differences of accuracies with rounding noise around 0 set to 0."""
    found = np.asarray(values, dtype=np.float64)
    return np.where(np.abs(found) <= SAME, 0.0, found)


def sign_flip_p(differences: npt.ArrayLike, most: int = MOST_FLIPS) -> Array:
    """Return the two-sided sign-flip p of the mean of `differences` [..., n]: shape [...].

    Exact if 2^(n - 1) is at most `most`; else from that many random patterns, including the observed one. NaN if n is 0
    or a value is not finite.
    """
    values = settled(differences)
    n = values.shape[-1]
    if not n:
        return np.full(values.shape[:-1], np.nan)
    flat = values.reshape(-1, n)
    columns = max(1, BLOCK // flips_of(n, most))
    parts = [_p_of(flat[start : start + columns], most) for start in range(0, len(flat), columns)]
    found: Array = np.where(np.isfinite(flat).all(1), np.concatenate([*parts, np.empty(0)]), np.nan)
    return found.reshape(values.shape[:-1])


def _p_of(flat: Array, most: int) -> Array:
    sums = np.abs(flipped_sums(flat.T, most))
    found: Array = (sums >= sums[0] - TIES * np.abs(flat).sum(1)).mean(0)
    return found


def flipped_sums(values: Array, most: int = MOST_FLIPS) -> Array:
    """Return the sums of `values` [n, ...] under each pattern of n signs: [flips, ...], the unflipped sum first.

    Uses all patterns that keep the first sign if there are at most `most`; else that many random ones.
    """
    if len(values) <= _exact_up_to(most):
        return _every_sum(values)
    generator = np.random.default_rng([2, len(values)])
    found = np.zeros((most, *values.shape[1:]))
    wide = min(_TABLE, _exact_up_to(most))
    for start in range(0, len(values), wide):
        half = _every_sum(values[start : start + wide])
        table = np.concatenate([half, -half])
        codes = generator.integers(0, len(table), most)
        codes[0] = 0
        found += table[codes]
    return found


def _every_sum(values: Array) -> Array:
    sums: Array = values[:1] if len(values) else np.zeros((1, *values.shape[1:]))
    for value in values[1:]:
        sums = np.concatenate([sums + value, sums - value])
    return sums


def _exact_up_to(most: int) -> int:
    return int(math.log2(most)) + 1


def flips_of(n: int, most: int = MOST_FLIPS) -> int:
    """Return the number of sign patterns used for n signs, without mirror images."""
    return 2 ** max(0, n - 1) if n <= _exact_up_to(most) else most


def smallest_p(n: int) -> float:
    """Return the smallest p that `sign_flip_p` can give for n pairs: 2 / 2^n, from 20 pairs on 1 / 2^19; it never rises
    with n.
    """
    return 1 / flips_of(n)


def holm(p: npt.ArrayLike) -> Array:
    """Return Holm's adjusted p values over the last axis of `p` [..., m] (Holm 1979), thousands of families at once.

    A NaN (a comparison without pairs) counts in the family as p = 1 and stays NaN: lost runs do not shrink the family.
    """
    values = np.asarray(p, dtype=np.float64)
    known = np.nan_to_num(values, nan=1.0)
    order = np.argsort(known, axis=-1, kind="stable")
    stepped = np.take_along_axis(known, order, -1) * np.arange(values.shape[-1], 0, -1)
    adjusted = np.empty_like(known)
    np.put_along_axis(adjusted, order, np.minimum(1.0, np.maximum.accumulate(stepped, axis=-1)), -1)
    found: Array = np.where(np.isnan(values), np.nan, adjusted)
    return found
