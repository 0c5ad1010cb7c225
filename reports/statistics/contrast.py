"""Sums and differences of arms, seed by seed: a comparison of two, or how a comparison changes between two values."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .divergence import signed_ranks
from .permutation import SAME

if TYPE_CHECKING:
    from .arms import Arm


@dataclass(frozen=True)
class Contrast:
    """The `plus` arms minus the `minus` arms, over the seeds that all of them have."""

    plus: tuple[str, ...]
    minus: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """All arms of it."""
        return (*self.plus, *self.minus)

    def differences(self, arms: Mapping[str, Arm], same: float = SAME) -> dict[int, float]:
        """Return the contrast of each seed, in the order of seeds, 0 where it is at most `same`; empty where an arm is
        missing.
        """
        if not all(name in arms for name in self.names):
            return {}
        plus, minus = ([arms[name].values for name in side] for side in (self.plus, self.minus))
        seeds = sorted(set.intersection(*({*values} for values in (*plus, *minus))))
        found = {
            seed: math.fsum(values[seed] for values in plus) - math.fsum(values[seed] for values in minus)
            for seed in seeds
        }
        return {seed: value if abs(value) > same else 0.0 for seed, value in found.items()}

    def ranks(self, arms: Mapping[str, Arm], unit: float, seeds: Collection[int] | None) -> dict[int, float]:
        """Return the signed ranks of its seeds, a diverged run worse than every other, as `signed_ranks` has them."""
        if not all(name in arms for name in self.names):
            return {}
        return signed_ranks([arms[name] for name in self.plus], [arms[name] for name in self.minus], unit, seeds)
