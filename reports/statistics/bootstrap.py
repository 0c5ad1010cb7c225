"""The hierarchical bootstrap interval (seeds, then their test tasks), shown beside Student's t.

Reports judge by Student's t over seeds. The bootstrap interval is narrower when seeds carry most of the noise (at 8
seeds it then covers less than 95 %) and wider when tasks do; `python -m benchmarks.coverage` measures by how much.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from trainers.errors import InputError

from .permutation import Array

DRAWS = 2000
LEVEL = 0.95
_BLOCK = 2**22


@dataclass(frozen=True)
class Interval:
    """From `low` to `high`."""

    low: float
    high: float


def hierarchical_interval(differences: npt.ArrayLike) -> Array:
    """Return (low, high) [..., 2] of the mean of `differences` [..., n seeds, m tasks].

    2,000 draws of n seeds with replacement, and of m tasks within each drawn seed; BCa, with the acceleration from the
    jackknife over seeds (Efron 1987). The draws depend on n and m alone, so the same values give the same interval.
    NaN where a value is not finite. Raises ValueError for n = 1.
    """
    values = np.asarray(differences, dtype=np.float64)
    n, m = values.shape[-2:]
    if n < 2:
        raise InputError(f"differences must have at least 2 seeds to draw from, not {n}; train more seeds")
    flat = values.reshape(-1, n * m)
    draws = np.concatenate([flat @ weights.T for weights in _weights(n, m)], axis=1) / (n * m)
    found: Array = _bca(draws, flat.reshape(-1, n, m).mean(2)).reshape(*values.shape[:-2], 2)
    return found


def _weights(n: int, m: int) -> Iterator[Array]:
    """Yield [draws, n * m]: how often each task of each seed was drawn; DRAWS rows in all."""
    generator = np.random.default_rng([1, n, m])
    rows = max(1, _BLOCK // (n * m))
    for start in range(0, DRAWS, rows):
        block = np.empty((min(rows, DRAWS - start), n * m))
        for row in block:
            row[:] = _weights_of_a_draw(generator, n, m)
        yield block


def _weights_of_a_draw(generator: np.random.Generator, n: int, m: int) -> npt.NDArray[np.intp]:
    """Return [n * m]: how often each task was drawn. Drawn one at a time to fit the CPU's cache."""
    seeds = generator.integers(0, n, (n, 1), dtype=np.uint32)
    tasks = generator.integers(0, m, (n, m), dtype=np.uint32)  # half the random bits of the default
    return np.bincount((seeds * np.uint32(m) + tasks).ravel(), minlength=n * m)


def _bca(draws: Array, seed_means: Array) -> Array:
    """Return [k, 2] from `draws` [k, DRAWS] of the mean and the means of the seeds [k, n]."""
    mean = seed_means.mean(1, keepdims=True)
    slack = 1e-12 * (1 + np.abs(mean))  # equal up to rounding
    below = (draws < mean - slack).mean(1) + (np.abs(draws - mean) <= slack).mean(1) / 2
    bias = ndtri(np.clip(below, 1 / (DRAWS + 1), DRAWS / (DRAWS + 1)))[:, None]
    gaps = seed_means - mean  # the jackknife's means differ from theirs by -gap / (n - 1)
    spread = (gaps**2).sum(1) ** 1.5
    acceleration = ((gaps**3).sum(1) / (6 * np.where(spread > 0, spread, 1)))[:, None]
    shifted = bias + ndtri(np.array([(1 - LEVEL) / 2, (1 + LEVEL) / 2]))
    shares = ndtr(bias + shifted / (1 - acceleration * shifted))
    return _quantiles(np.sort(draws, axis=1), shares)


def _quantiles(ordered: Array, shares: Array) -> Array:
    """Return the quantiles of each row at its own shares [k, 2], with linear interpolation."""
    place = np.nan_to_num(shares) * (ordered.shape[1] - 1)
    lower = np.floor(place).astype(np.intp)
    upper = np.minimum(lower + 1, ordered.shape[1] - 1)
    low, high = np.take_along_axis(ordered, lower, 1), np.take_along_axis(ordered, upper, 1)
    found: Array = low + (high - low) * (place - lower)
    return found
