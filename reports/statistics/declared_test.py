"""The test that a family of comparisons is declared to have, and in how many studies it finds a large effect.

Step-down maxT can reach the same smallest p in a family of any size, but it finds less in a larger one. So whether a
study has enough seeds is judged by power: how often the one comparison that has an effect, the hardest case, is found.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .looks import look_levels
from .permutation import ALPHA, Array, flips_of, smallest_p
from .step_down import max_t

LARGE = 2.0
"""A large effect: in standard deviations of a seed's paired difference."""
POWER = 0.8
"""Share of studies in which a planned effect is to be found."""
HOPELESS = 0.5
"""A family that finds a large effect in fewer studies than this is refused."""
FLIPS = 2**10
"""Ways to flip signs that a simulated study is tested with: all up to 11 seeds."""
LARGEST = 100
"""Comparisons of a simulated family; a larger one is simulated as one of so many."""
_STUDIES, _FEWEST, _SUMS = 2000, 400, 2**24


@dataclass(frozen=True)
class DeclaredTest:
    """A family of `size` comparisons, tested at its `looks`: (seeds, level), most often one; `moderated` as for
    `max_t`.
    """

    size: int
    looks: tuple[tuple[int, float], ...]
    moderated: bool = False

    @property
    def seeds(self) -> int:
        """Of the last look."""
        return self.looks[-1][0]

    @property
    def can_decide(self) -> bool:
        """Whether any data could be significant at any look."""
        return any(smallest_p(seeds) <= level for seeds, level in self.looks)

    @property
    def studies(self) -> int:
        """How many studies are drawn to learn its power: fewer where each takes longer."""
        cost = self.simulated * flips_of(max(1, self.seeds), FLIPS)
        return max(_FEWEST, min(_STUDIES, _SUMS // cost))

    @property
    def simulated(self) -> int:
        """Comparisons of a drawn study."""
        return min(self.size, LARGEST)


def declared_test(size: int, seeds: int, looks: tuple[int, ...] = (), moderated: bool = False) -> DeclaredTest:
    """Return the test of a family at its last seed, or at its declared looks."""
    planned = looks or (seeds,)
    return DeclaredTest(size, tuple(zip(planned, look_levels(planned), strict=True)), moderated)


def share_found(values: Array, test: DeclaredTest) -> float:
    """Return in which share of the studies `values` [studies, comparisons, seeds] the first comparison is
    significant.
    """
    found = np.zeros(len(values), dtype=np.bool_)
    for seeds, level in test.looks:
        if smallest_p(seeds) <= level:
            found |= max_t(values[..., :seeds], test.moderated, FLIPS)[:, 0] <= level
    return float(found.mean())


@lru_cache(maxsize=4)
def null_studies(size: int, seeds: int, studies: int) -> Array:
    """Return normal paired differences [studies, size, seeds] of standard deviation 1 without an effect, always the
    same; they share their base, so they correlate by one half.
    """
    generator = np.random.default_rng([4, size, seeds])
    arms, base = generator.normal(size=(studies, size, seeds)), generator.normal(size=(studies, 1, seeds))
    return np.asarray((arms - base) / 2**0.5)


@lru_cache(maxsize=512)
def large_effect_power(test: DeclaredTest) -> float:
    """Return the share of studies that find one effect of 2 standard deviations of a paired difference, which is
    normal.
    """
    if not test.can_decide:
        return 0.0
    values = null_studies(test.simulated, test.seeds, test.studies).copy()
    values[:, 0] += LARGE
    return share_found(values, test)


def seeds_needed(size: int, moderated: bool = False, power: float = POWER) -> int:
    """Return the fewest seeds with which a family of that size finds a large effect with that power."""
    seeds = 1
    while smallest_p(seeds) > ALPHA or large_effect_power(declared_test(size, seeds, (), moderated)) < power:
        seeds += 1
    return seeds
