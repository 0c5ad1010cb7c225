"""Levels for repeated looks at a growing study that keep the overall error rate.

Levels spend alpha * t^1.5, where t is a look's share of the planned seeds (Lan and DeMets 1983; Kim and DeMets 1987).
They are calibrated on a normal random walk with one increment per seed. (O'Brien and Fleming spend so little at first
that eight seeds could never decide.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from scipy.special import ndtr, ndtri

from .permutation import ALPHA, Array, smallest_p

POWER_OF_SPENDING = 1.5
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(128)
_FAR = 9.0
"""Standard deviations that a normal walk practically never exceeds."""


@lru_cache(maxsize=64)
def look_levels(looks: tuple[int, ...], one_sided: bool = False, alpha: float = ALPHA) -> tuple[float, ...]:
    """Return the nominal level of each look (increasing numbers of seeds). A single look has `alpha`.

    Two-sided levels are those of |z|; `one_sided` those of z, in one direction.
    """
    if len(looks) == 1:
        return (alpha,)
    walk, found = _Walk(looks, one_sided), []
    for place, seeds in enumerate(looks):
        share, before = seeds / looks[-1], (looks[place - 1] / looks[-1] if place else 0.0)
        spent = alpha * (share**POWER_OF_SPENDING - before**POWER_OF_SPENDING)
        bound = _where(lambda z: walk.crossing(z) - spent)  # noqa: B023 (called at once)
        found.append(walk.level(bound))
        walk.go_on(bound)
    return tuple(found)


@lru_cache(maxsize=64)
def error_rate(looks: tuple[int, ...], levels: tuple[float, ...], one_sided: bool = False) -> float:
    """Return the type I error rate over all looks, each tested at its own level. Two-sided levels are those of sign
    flips: looks with too few seeds to reach theirs contribute nothing. `one_sided`: those of equivalence.
    """
    both = [*zip(looks, levels, strict=True)]
    kept = both if one_sided else [(seeds, level) for seeds, level in both if smallest_p(seeds) <= level]
    walk, total = _Walk([seeds for seeds, _ in kept], one_sided), 0.0
    for _, level in kept:
        bound = float(-ndtri(level if one_sided else level / 2))
        total += walk.crossing(bound)
        walk.go_on(bound)
    return total


def undeclared_rate(looks: Sequence[int], one_sided: bool = False) -> float:
    """Return the type I error rate of undeclared looks, each tested at 0.05, as if they had been planned."""
    rising = tuple(sorted(set(looks)))
    return error_rate(rising, (ALPHA,) * len(rising), one_sided)


class _Walk:
    """Density, at the next look, of a normal random walk that has crossed no bound yet."""

    def __init__(self, looks: Sequence[int], one_sided: bool) -> None:
        self._times = [seeds / looks[-1] for seeds in looks]
        self._one_sided = one_sided
        self._places, self._masses = np.zeros(1), np.ones(1)
        self._at = 0

    def level(self, bound: float) -> float:
        return float(ndtr(-bound)) * (1 if self._one_sided else 2)

    def crossing(self, bound: float) -> float:
        """Return the probability of crossing `bound` (in standard deviations) at the next look and none before."""
        sd, edge = self._step(), bound * self._times[self._at] ** 0.5
        above = ndtr((self._places - edge) / sd)
        below = 0.0 if self._one_sided else ndtr((-edge - self._places) / sd)
        return float(self._masses @ (above + below))

    def go_on(self, bound: float) -> None:
        """Go past the look, keeping the density that has not crossed `bound`."""
        sd, root = self._step(), self._times[self._at] ** 0.5
        low, high = (-_FAR if self._one_sided else -bound) * root, bound * root
        places = (high + low) / 2 + (high - low) / 2 * _NODES
        steps = (places[:, None] - self._places[None]) / sd
        density: Array = np.exp(-(steps**2) / 2) @ self._masses / (sd * (2 * np.pi) ** 0.5)
        self._places, self._masses = places, density * _WEIGHTS * (high - low) / 2
        self._at += 1

    def _step(self) -> float:
        return float((self._times[self._at] - (self._times[self._at - 1] if self._at else 0.0)) ** 0.5)


def _where(falling: Callable[[float], float]) -> float:
    """Return the root of a decreasing function between 0 and `_FAR`."""
    low, high = 0.0, _FAR
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if falling(middle) > 0 else (low, middle)
    return (low + high) / 2
