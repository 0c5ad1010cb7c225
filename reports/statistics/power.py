"""Power of the tests for a true difference, and the minimum detectable effect at 80 % power.

Studies are simulated from a noise model and tested as in reports. `python -m benchmarks.coverage` compares this with
studies simulated run by run and task by task.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from scipy.optimize import brentq
from scipy.stats import t as student_t

from .declared_test import POWER, DeclaredTest, share_found
from .noise_model import NoiseModel
from .permutation import ALPHA, Array

_DRAWS, _DRAWS_OF_MANY, _MANY = 4000, 1000, 12
_TOLERANCE = 2e-4
"""Precision of a smallest difference, as a share of the largest."""


def t_power(noise: NoiseModel, difference: float, seeds: int, alpha: float = ALPHA) -> float:
    """Return the share of studies whose Student t interval over seeds excludes 0; 0 with one seed."""
    if seeds < 2:
        return 0.0
    drawn = _drawn(noise, difference, seeds)
    bound = student_t.ppf(1 - alpha / 2, seeds - 1) * drawn.std(1, ddof=1) / seeds**0.5
    return float((np.abs(drawn.mean(1)) > bound).mean())


def declared_power(noise: NoiseModel, difference: float, test: DeclaredTest) -> float:
    """Return the power of a family's declared test in the hardest case, a single true difference."""
    return share_found(noise.family(difference, test.seeds, test.studies, test.simulated), test)


def _drawn(noise: NoiseModel, difference: float, seeds: int) -> Array:
    return noise.differences(difference, seeds, _DRAWS if seeds <= _MANY else _DRAWS_OF_MANY)


@lru_cache(maxsize=256)
def t_detectable(noise: NoiseModel, seeds: int, power: float = POWER) -> float | None:
    """Return the smallest difference whose 95 % t interval excludes 0 with that power, in both directions; None with
    one seed.
    """
    return _both_ways(noise, lambda difference: t_power(noise, difference, seeds) - power) if seeds > 1 else None


@lru_cache(maxsize=256)
def declared_detectable(noise: NoiseModel, test: DeclaredTest, power: float = POWER) -> float | None:
    """Return the smallest difference that a family's declared test detects with that power, in both directions.

    None if the family has too few seeds for any difference.
    """
    if not test.can_decide:
        return None
    return _both_ways(noise, lambda difference: declared_power(noise, difference, test) - power)


def _both_ways(noise: NoiseModel, excess: Callable[[float], float]) -> float | None:
    """Return the larger of the smallest detectable differences up and down; directions without one are ignored, None
    for both. Without noise every difference is detected.
    """
    if not any(noise.limits):
        return 0.0
    return max((abs(found) for limit in noise.limits if (found := smallest(excess, limit))), default=None)


def smallest(excess: Callable[[float], float], limit: float) -> float | None:
    """Return the difference between 0 and `limit` at which `excess`, a step function, becomes positive; None if it
    never does.

    Near 100 % there may be no detectable difference upwards.
    """
    if excess(limit) <= 0:
        return None
    return limit * float(brentq(lambda share: excess(share * limit), 0.0, 1.0, xtol=_TOLERANCE))
