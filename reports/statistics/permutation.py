"""Sign-flip permutation tests over seeds, Holm's correction, and the smallest p that a number of seeds can reach.

If an arm changes nothing, each seed's paired difference is as likely to be positive as negative. The p value is the
share of all 2^n ways to flip the signs whose mean is at least as far from 0 as the one that was found. It assumes no
distribution; with n seeds it cannot be below 2 / 2^n, so a small study cannot be significant however large its
differences are.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

ALPHA = 0.05
EXACT_UP_TO = 20
"""Seeds; beyond, `MOST_FLIPS` of the 2^n ways are drawn, with a seed that depends on n alone."""
MOST_FLIPS = 2 ** (EXACT_UP_TO - 1)
"""Ways that are looked at: all of 20 seeds, as a way and its mirror image have the same |mean|."""
SAME = 1e-10
"""Accuracies are counts: those that are no further apart than this are equal."""
TIES = 1e-9
"""Relative: statistics that are equal but for rounding count as equal."""
BLOCK = 2**22
_TABLE = 16


def settled(values: npt.ArrayLike) -> Array:
    """Return differences of accuracies with 0 for those of equal ones, which rounding may have put elsewhere."""
    found = np.asarray(values, dtype=np.float64)
    return np.where(np.abs(found) <= SAME, 0.0, found)


def sign_flip_p(differences: npt.ArrayLike, most: int = MOST_FLIPS) -> Array:
    """Return the two-sided sign-flip p of the mean of `differences` [..., n]: shape [...].

    Exact where 2^(n - 1) is at most `most`; else of so many ways at random, the one that was found among them. NaN
    where n is 0 or a value is not finite.
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
    """Return the sums of `values` [n, ...] under each way to flip their n signs together: [flips, ...], first as they
    are.

    All ways with the first sign as it is, where these are at most `most`; else so many at random.
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
    """Return how many ways to flip n signs are looked at, mirror images left out."""
    return 2 ** max(0, n - 1) if n <= _exact_up_to(most) else most


def smallest_p(n: int) -> float:
    """Return the smallest p that `sign_flip_p` can give for n pairs: 2 / 2^n, from 20 pairs on 1 / 2^19; it never rises
    with n.
    """
    return 1 / flips_of(n)


def holm(p: npt.ArrayLike) -> Array:
    """Return Holm's adjusted p values over the last axis of `p` [..., m] (Holm 1979), thousands of families at once.

    A NaN (a comparison that has no pair) keeps its place in the family as if its p were 1, and stays NaN: a family does
    not shrink because runs were lost.
    """
    values = np.asarray(p, dtype=np.float64)
    known = np.nan_to_num(values, nan=1.0)
    order = np.argsort(known, axis=-1, kind="stable")
    stepped = np.take_along_axis(known, order, -1) * np.arange(values.shape[-1], 0, -1)
    adjusted = np.empty_like(known)
    np.put_along_axis(adjusted, order, np.minimum(1.0, np.maximum.accumulate(stepped, axis=-1)), -1)
    found: Array = np.where(np.isnan(values), np.nan, adjusted)
    return found
