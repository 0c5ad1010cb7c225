"""The declared test of a family of comparisons, and its power for a large effect.

Step-down maxT has the same smallest p in a family of any size, but less power in a larger one. So whether a study has
enough seeds is judged by its power in the hardest case, one comparison with an effect.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .looks import look_levels
from .permutation import ALPHA, Array, flips_of, smallest_p
from .step_down import max_t

LARGE = 2.0
"""A large effect, in standard deviations of a seed's paired difference."""
POWER = 0.8
"""Planned power."""
HOPELESS = 0.5
"""A study is refused before it starts if one of its families has less power than this for a large effect."""
FLIPS = 2**10
"""Sign patterns per simulated test: all of them up to 11 seeds."""
LARGEST = 100
"""Most comparisons in a simulated family; larger families are simulated with this many."""
_STUDIES, _FEWEST, _SUMS = 2000, 400, 2**24


@dataclass(frozen=True)
class DeclaredTest:
    """A family of `size` comparisons, tested at `looks`: (seeds, level), usually one; `moderated` as for `max_t`."""

    size: int
    looks: tuple[tuple[int, float], ...]
    moderated: bool = False

    @property
    def seeds(self) -> int:
        """Seeds at the last look."""
        return self.looks[-1][0]

    @property
    def planned(self) -> tuple[int, ...]:
        """The seeds of the declared looks."""
        return tuple(seeds for seeds, _ in self.looks)

    @property
    def can_decide(self) -> bool:
        """Whether any data could be significant at one of the looks."""
        return any(smallest_p(seeds) <= level for seeds, level in self.looks)

    @property
    def studies(self) -> int:
        """Number of studies simulated for its power: fewer if each takes longer."""
        cost = self.simulated * flips_of(max(1, self.seeds), FLIPS)
        return max(_FEWEST, min(_STUDIES, _SUMS // cost))

    @property
    def simulated(self) -> int:
        """Comparisons in a simulated study."""
        return min(self.size, LARGEST)


def declared_test(size: int, seeds: int, looks: tuple[int, ...] = (), moderated: bool = False) -> DeclaredTest:
    """Return the test of a family with all its seeds, or at its declared looks."""
    planned = looks or (seeds,)
    return DeclaredTest(size, tuple(zip(planned, look_levels(planned), strict=True)), moderated)


def share_found(values: Array, test: DeclaredTest) -> float:
    """Return the share of studies `values` [studies, comparisons, seeds] whose first comparison is significant."""
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
    """Return the power for one effect of 2 standard deviations of normal paired differences."""
    if not test.can_decide:
        return 0.0
    values = null_studies(test.simulated, test.seeds, test.studies).copy()
    values[:, 0] += LARGE
    return share_found(values, test)


def seeds_needed(size: int, moderated: bool = False, power: float = POWER, looks: tuple[int, ...] = ()) -> int:
    """Return the fewest seeds with which a family of that size finds a large effect with that power; with declared
    `looks`, the seeds of the last of as many looks at the same shares.
    """
    seeds = 1
    while (
        smallest_p(seeds) > ALPHA
        or large_effect_power(declared_test(size, seeds, looks_until(looks, seeds), moderated)) < power
    ):
        seeds += 1
    return seeds


def looks_until(looks: tuple[int, ...], seeds: int) -> tuple[int, ...]:
    """Return `looks` at the same shares of another number of seeds; those that fall together are one."""
    if len(looks) < 2 or seeds < 2:
        return ()
    return tuple(sorted({max(2, round(look * seeds / looks[-1])) for look in looks}))
