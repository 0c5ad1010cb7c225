"""Tests of all comparisons of one family: unadjusted p, and p adjusted over the family."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .permutation import ALPHA, Array, flips_of, holm, sign_flip_p, smallest_p
from .step_down import max_t, min_p

Differences = Mapping[int, float]
"""Seed -> paired difference."""


@dataclass(frozen=True)
class SignFlip:
    """The sign-flip test of one comparison within its family.

    `p` (its own), `adjusted` (step-down maxT, minP where comparisons have other seeds than their family) and `holm`,
    for comparison, are None without a pair. `smallest` is the smallest possible p and adjusted p with this number of
    pairs: above 0.05 the test cannot be significant. `seeds` is the number tested; `flips` the number of sign patterns,
    without mirror images. `ranks`: signed ranks were tested, because runs of the family diverged. `missing`: not all
    comparisons have the same seeds, so `moderated` (as for `max_t`) has no effect. `level`: the level that the adjusted
    p is compared with; 0 before the first declared look. `look`: number of seeds of the declared look that decided it,
    else of the last one.
    """

    p: float | None
    adjusted: float | None
    holm: float | None
    smallest: float
    family_size: int
    seeds: int
    flips: int
    ranks: bool = False
    missing: bool = False
    moderated: bool = False
    level: float = ALPHA
    look: int = 0

    @property
    def procedure(self) -> str:
        """How p was adjusted, step by step: "maxT" or "minP"."""
        return "minP" if self.missing else "maxT"

    @property
    def can_be_significant(self) -> bool:
        """Whether any data could bring the adjusted p down to the level."""
        return self.smallest <= self.level

    @property
    def significant(self) -> bool:
        """Whether the adjusted p is at most the level (0.05 without declared looks)."""
        return self.adjusted is not None and self.adjusted <= self.level


def family_tests(differences: Sequence[Differences], moderated: bool = False, ranks: bool = False) -> list[SignFlip]:
    """Return the test of each comparison of one family. `ranks`: `differences` are signed ranks; `moderated`: see
    `max_t`.
    """
    if not differences:
        return []
    table = _table(differences)
    missing = bool(np.isnan(table).any())
    raw = [float(sign_flip_p(list(values.values()))) for values in differences]
    adjusted = min_p(table) if missing else max_t(table, moderated) if table.size else np.full(len(raw), math.nan)
    return [
        SignFlip(
            _known(p),
            _known(joint),
            _known(by_holm),
            smallest_p(len(own)),
            len(raw),
            len(own),
            flips_of(len(own)),
            ranks,
            missing,
            moderated and not missing,
        )
        for p, joint, by_holm, own in zip(raw, adjusted.tolist(), holm(raw).tolist(), differences, strict=True)
    ]


def _table(differences: Sequence[Differences]) -> Array:
    """Return [comparisons, seeds of any of them]; NaN where a comparison lacks the seed."""
    seeds = sorted({seed for values in differences for seed in values})
    rows = [[values.get(seed, math.nan) for seed in seeds] for values in differences]
    return np.array(rows, dtype=np.float64).reshape(len(differences), len(seeds))


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
