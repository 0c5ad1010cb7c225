"""Step-down maxT over joint sign flips (Westfall and Young 1993): p values adjusted over a family of comparisons.

Each sign pattern flips the seeds of all comparisons together; the largest statistic over the family gives the null
distribution. The comparison with the largest statistic is compared with the maximum over all, the next with the maximum
over the remaining ones, and so on. With correlated comparisons (a common base) this has more power than Holm's
correction, which must allow for any dependence.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .permutation import BLOCK, MOST_FLIPS, TIES, Array, flipped_sums, flips_of, settled


def max_t(differences: npt.ArrayLike, moderated: bool = False, most: int = MOST_FLIPS) -> Array:
    """Return the adjusted p values [..., m] of families of paired differences [..., m comparisons, n seeds].

    The statistic is |sum d| / sqrt(sum d^2), which orders as |t| does, and 0 without a difference. `moderated` adds the
    median over comparisons of sum d^2 below the root: more power for at most 8 seeds and 11 or more comparisons on one
    scale; to be declared before the runs. Exact up to 20 seeds. All values must be finite; with missing seeds see
    `min_p`.
    """
    values = settled(differences)
    m, n = values.shape[-2:]
    flat = values.reshape(-1, m, n)
    rows = max(1, BLOCK // flips_of(n, most))
    parts = [_max_t(flat[start : start + rows], moderated, most) for start in range(0, len(flat), rows)]
    return np.concatenate([*parts, np.empty((0, m))]).reshape(values.shape[:-1])


def _max_t(values: Array, moderated: bool, most: int) -> Array:
    squares = (values**2).sum(2)
    if moderated:
        squares = squares + np.median(squares, axis=1, keepdims=True) * (squares > 0)
    scaled = values / np.sqrt(np.where(squares > 0, squares, 1))[..., None]
    observed = np.abs(scaled.sum(2))
    order = np.argsort(-observed, axis=1, kind="stable")
    largest, p = np.zeros((1, len(values))), np.empty_like(observed)
    for step in reversed(range(order.shape[1])):
        place = order[:, step, None]
        own = np.take_along_axis(scaled, place[..., None], 1)[:, 0]
        largest = np.maximum(largest, np.abs(flipped_sums(own.T, most)))
        bound = np.take_along_axis(observed, place, 1)[:, 0] * (1 - TIES)
        np.put_along_axis(p, place, (largest >= bound).mean(0)[:, None], 1)
    return _never_falling(p, order)


def min_p(differences: npt.ArrayLike, most: int = MOST_FLIPS) -> Array:
    """Return the adjusted p values [m] of one family of differences [m, n], which are NaN where a seed is missing.

    All seeds are flipped together. The statistic is each comparison's own sign-flip p over its own seeds, because test
    statistics from different numbers of seeds are not comparable. Otherwise as `max_t`, with the smallest p. NaN for a
    comparison without seeds.
    """
    values = settled(differences)
    there = np.isfinite(values)
    known = np.where(there, values, 0.0)[there.any(1)]
    if not len(known):
        return np.full(len(values), np.nan)
    observed = np.array([_counts(row, most, found=True)[0] for row in known])
    order = np.argsort(observed, kind="stable")
    smallest, p = np.full(1, np.inf), np.empty(len(known))
    for place in reversed(order):
        smallest = np.minimum(smallest, _counts(known[place], most))
        p[place] = (smallest <= observed[place]).mean()
    found = np.full(len(values), np.nan)
    found[there.any(1)] = _never_falling(p[None], order[None])[0]
    return found


def _counts(row: Array, most: int, found: bool = False) -> Array:
    """Return for each sign pattern how many patterns are at least as extreme (p times their number).

    `found`: only for the first pattern, the observed values.
    """
    sums, tie = np.abs(flipped_sums(row, most)), TIES * np.abs(row).sum()
    if found:
        return np.array([float((sums >= sums[0] - tie).sum())])
    order = np.argsort(sums)
    ranked, counts = sums[order], np.empty(len(sums))
    counts[order] = len(sums) - np.searchsorted(ranked, ranked - tie)  # fast only if the needles are sorted
    return counts


def _never_falling(p: Array, order: npt.NDArray[np.intp]) -> Array:
    """Return p [k, m] made non-decreasing in `order`."""
    stepped = np.maximum.accumulate(np.take_along_axis(p, order, 1), axis=1)
    found = np.empty_like(p)
    np.put_along_axis(found, order, stepped, 1)
    return found
