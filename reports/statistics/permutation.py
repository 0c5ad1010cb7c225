"""Sign-flip permutation tests over seeds, Holm's correction, and the smallest p that a design can reach.

If an arm changes nothing, each seed's paired difference is as likely to be positive as negative. The p value is the share of
all 2^n ways to flip the signs whose mean is at least as far from 0 as the one that was found. It assumes no distribution;
with n seeds it cannot be below 2 / 2^n, so a small study cannot be significant however large its differences are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

ALPHA = 0.05
EXACT_UP_TO = 16
"""Seeds; beyond, `RANDOM_FLIPS` of the 2^n ways are drawn, with a seed that depends on n alone."""
RANDOM_FLIPS = 19_999
_TIES = 1e-9
"""Relative to the sum of |differences|: means that are equal but for rounding count as equal."""
_BLOCK = 2**22


@dataclass(frozen=True)
class SignFlip:
    """The sign-flip test of one comparison within its family.

    `p` and `adjusted` (Holm) are None without a pair. `smallest` is the p that this number of pairs could reach,
    `smallest_adjusted` what Holm would make of it in its family of `family_size`, each at its smallest: the test cannot be significant
    where this exceeds 0.05. `flips` counts the ways that were looked at: all 2^n, or 19,999 at random beyond 16 pairs.
    """

    p: float | None
    adjusted: float | None
    smallest: float
    smallest_adjusted: float
    family_size: int
    flips: int

    @property
    def can_be_significant(self) -> bool:
        """Whether any data could bring the adjusted p to 0.05 or below."""
        return self.smallest_adjusted <= ALPHA

    @property
    def significant(self) -> bool:
        """Whether the adjusted p is at most 0.05."""
        return self.adjusted is not None and self.adjusted <= ALPHA


def sign_flip_p(differences: npt.ArrayLike) -> Array:
    """Return the two-sided sign-flip p of the mean of `differences` [..., n]: shape [...].

    Exact up to 16 values; beyond, (count + 1) / (flips + 1) over random flips. NaN where n is 0 or a value is not finite.
    """
    values = np.asarray(differences, dtype=np.float64)
    n = values.shape[-1]
    flat = values.reshape(-1, n) if n else np.full((math.prod(values.shape[:-1]), 1), np.nan)
    bound = np.abs(flat.sum(1)) - _TIES * np.abs(flat).sum(1)
    count, total = np.zeros(len(flat)), 0
    for signs in _flips(n, max(1, _BLOCK // max(1, len(flat)))):
        count += (np.abs(signs @ flat.T) >= bound).sum(0)
        total += len(signs)
    p = count / total if n <= EXACT_UP_TO else (count + 1) / (total + 1)
    found: Array = np.where(np.isfinite(flat).all(1), p, np.nan).reshape(values.shape[:-1])
    return found


def _flips(n: int, rows: int) -> Iterator[Array]:
    """Yield signs [at most `rows`, n]. The exact list leaves the last sign alone: |mean| is the same for its mirror image."""
    if n <= EXACT_UP_TO:
        total = 2 ** max(0, n - 1)
        for start in range(0, total, rows):
            codes = np.arange(start, min(start + rows, total))[:, None]
            yield _signs((codes >> np.arange(max(1, n))) & 1)
        return
    generator = np.random.default_rng([2, n])
    rows = min(rows, max(1, _BLOCK // n))
    for start in range(0, RANDOM_FLIPS, rows):
        yield _signs(generator.integers(0, 2, (min(rows, RANDOM_FLIPS - start), n)))


def _signs(bits: npt.NDArray[np.int64]) -> Array:
    return 1 - 2 * bits.astype(np.float64)


def flips_of(n: int) -> int:
    """Return how many ways to flip n signs `sign_flip_p` looks at."""
    return 2**n if n <= EXACT_UP_TO else RANDOM_FLIPS


def smallest_p(n: int) -> float:
    """Return the smallest p that `sign_flip_p` can give for n pairs: 2 / 2^n, and 1 without a pair."""
    return min(1.0, 2.0 ** (1 - n)) if n <= EXACT_UP_TO else 1 / (RANDOM_FLIPS + 1)


def seeds_needed(family_size: int, alpha: float = ALPHA) -> int:
    """Return the fewest seeds with which a comparison in a family of that size can be significant at `alpha`."""
    return next(n for n in range(1, 64) if family_size * smallest_p(n) <= alpha)


def holm(p: npt.ArrayLike) -> Array:
    """Return Holm's adjusted p values over the last axis of `p` [..., m] (Holm 1979), thousands of families at once.

    A NaN (a comparison that has no pair) keeps its place in the family as if its p were 1, and stays NaN: a family does not
    shrink because runs were lost.
    """
    values = np.asarray(p, dtype=np.float64)
    known = np.nan_to_num(values, nan=1.0)
    order = np.argsort(known, axis=-1, kind="stable")
    stepped = np.take_along_axis(known, order, -1) * np.arange(values.shape[-1], 0, -1)
    adjusted = np.empty_like(known)
    np.put_along_axis(adjusted, order, np.minimum(1.0, np.maximum.accumulate(stepped, axis=-1)), -1)
    found: Array = np.where(np.isnan(values), np.nan, adjusted)
    return found


def family_tests(differences: Sequence[Sequence[float]]) -> list[SignFlip]:
    """Return the test of each comparison of one family; `differences` has a list of paired differences for each."""
    if not differences:
        return []
    raw = _raw(differences)
    smallest = [smallest_p(len(values)) for values in differences]
    return [
        SignFlip(_known(p), _known(adjusted), least, least_adjusted, len(raw), flips_of(len(values)))
        for p, adjusted, least, least_adjusted, values in zip(
            raw, holm(raw).tolist(), smallest, holm(smallest).tolist(), differences, strict=True
        )
    ]


def _raw(differences: Sequence[Sequence[float]]) -> list[float]:
    """Return each comparison's own p; those with equally many pairs are tested together, which takes the time of one."""
    found = [math.nan] * len(differences)
    for n in {len(values) for values in differences}:
        places = [place for place, values in enumerate(differences) if len(values) == n]
        together = sign_flip_p(np.array([differences[place] for place in places]).reshape(len(places), n))
        for place, p in zip(places, together.tolist(), strict=True):
            found[place] = p
    return found


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
