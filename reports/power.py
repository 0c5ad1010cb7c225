"""Power: how likely a true difference is to be found, and the smallest that is found in 80 % of studies.

Differences are in units of the standard deviation of one seed's mean difference (`NoiseSplit.sd_with`), normal over seeds.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.optimize import brentq

from .permutation import ALPHA, sign_flip_p, smallest_p

POWER = 0.8
_LARGEST = 50.0
"""Standard deviations; no design that can be significant needs more."""
_DRAWS, _DRAWS_OF_MANY, _MANY = 4000, 1000, 12


def t_power(difference: float, seeds: int, alpha: float = ALPHA) -> float:
    """Return the power of the paired two-sided t test over seeds; 0 with one seed."""
    from statsmodels.stats.power import TTestPower  # seconds to import

    return float(TTestPower().power(difference, seeds, alpha)) if seeds > 1 else 0.0


def t_detectable(seeds: int, alpha: float = ALPHA, power: float = POWER) -> float | None:
    """Return the smallest difference whose 95 % t interval leaves out 0 with that power; None with one seed."""
    from statsmodels.stats.power import TTestPower  # seconds to import

    return float(TTestPower().solve_power(nobs=seeds, alpha=alpha, power=power)) if seeds > 1 else None


def sign_flip_power(difference: float, seeds: int, family_size: int) -> float:
    """Return the power of the Holm-adjusted sign-flip test for the only true difference of a family, the hardest case.

    Simulated with 4,000 studies (1,000 beyond 12 seeds), the same ones for every difference.
    """
    noise = np.random.default_rng([3, seeds]).normal(size=(_DRAWS if seeds <= _MANY else _DRAWS_OF_MANY, seeds))
    return float((sign_flip_p(noise + difference) * family_size <= ALPHA).mean())


@lru_cache(maxsize=256)
def sign_flip_detectable(seeds: int, family_size: int, power: float = POWER) -> float | None:
    """Return the smallest difference that the Holm-adjusted sign-flip test finds with that power.

    None if the family is too large for its seeds: then no difference is ever found.
    """
    if family_size * smallest_p(seeds) > ALPHA:
        return None
    return float(
        brentq(
            lambda d: sign_flip_power(d, seeds, family_size) - power, 0.0, _LARGEST, xtol=0.005
        )  # monotone, in steps
    )
