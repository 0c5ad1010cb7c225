"""What a full factorial says: main effects, interactions, and the Shapley split of the whole gain."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from ..records import Factorial
from .estimate import LEVEL, Estimate, estimate
from .permutation import Array

Cells = Mapping[str, Mapping[int, float]]
"""Arm -> seed -> primary metric."""


@dataclass(frozen=True)
class Effect:
    """A main effect (one factor) or the interaction of two, as a difference of the primary metric.

    Main effect: mean over all arms with the factor minus mean over all arms without it. Interaction of A and B: half of
    (effect of A with B minus effect of A without B); 0 if what each brings does not depend on the other.

    Attributes:
        estimate: ordinary least squares on factors coded -1 and +1 with the seed as a block; its residuals, which hold the
            interactions of three and more, are pooled over all effects. n counts the seeds.
        by_seed: the same contrast in each seed with all arms, with Student's t interval over these seeds: wider, and right
            also where one effect varies more from seed to seed than another.
    """

    factors: tuple[str, ...]
    estimate: Estimate
    by_seed: Estimate


@dataclass(frozen=True)
class FactorialEffects:
    """Effects in the order of their factors, main effects first; none while too many cells are missing. `arms`: all 2^k.

    `gain` is all factors on minus all off. `shapley` maps each factor to its part of it: its marginal difference, averaged over
    all orders in which the factors can be switched on; the parts sum to the gain. Both need every arm of a seed:
    `complete_seeds` have them. `missing` counts the cells without a complete run.
    """

    factors: tuple[str, ...]
    arms: tuple[str, ...]
    effects: tuple[Effect, ...]
    gain: Estimate
    shapley: Mapping[str, Estimate]
    complete_seeds: tuple[int, ...]
    missing: int


def factorial_effects(design: Factorial, cells: Cells) -> FactorialEffects:
    """Return the effects of a full factorial from its complete cells."""
    arms = _in_binary_order(design)
    seeds = sorted({seed for arm in arms for seed in cells.get(arm, {})})
    values = np.array([[cells.get(arm, {}).get(seed, math.nan) for arm in arms] for seed in seeds])
    values = values.reshape(len(seeds), len(arms))
    complete = np.isfinite(values).all(1)
    whole = values[complete]
    parts = whole @ _shapley_weights(len(design.factors)).T
    return FactorialEffects(
        design.factors,
        tuple(arms),
        _effects(design.factors, values, whole),
        estimate((whole[:, -1] - whole[:, 0]).tolist()),
        {factor: estimate(parts[:, i].tolist()) for i, factor in enumerate(design.factors)},
        tuple(seed for seed, there in zip(seeds, complete, strict=True) if there),
        int(np.isnan(values).sum()),
    )


def _in_binary_order(design: Factorial) -> list[str]:
    """Return the arms so that bit i of an arm's place says whether factor i is on."""
    place = {arm: sum(1 << i for i, f in enumerate(design.factors) if f in on) for arm, on in design.arms.items()}
    return sorted(place, key=lambda arm: place[arm])


def _bits(factors: int) -> Array:
    """Return [2^k, k]: 1.0 where a factor is on."""
    found: Array = ((np.arange(2**factors)[:, None] >> np.arange(factors)) & 1).astype(np.float64)
    return found


def _shapley_weights(factors: int) -> Array:
    """Return [k, 2^k]: part of factor i = sum of weight times value (Shapley 1953)."""
    on = _bits(factors)
    size = on.sum(1)
    with_it = np.array([0.0] + [1 / (factors * math.comb(factors - 1, s - 1)) for s in range(1, factors + 1)])
    without = np.array([1 / (factors * math.comb(factors - 1, s)) for s in range(factors)] + [0.0])
    sizes = size.astype(np.intp)
    found: Array = np.where(on == 1, with_it[sizes][:, None], -without[sizes][:, None]).T
    return found


def _effects(factors: Sequence[str], values: Array, whole: Array) -> tuple[Effect, ...]:
    """Return main effects and interactions of two; none where the cells cannot tell them apart."""
    terms = [*combinations(range(len(factors)), 1), *combinations(range(len(factors)), 2)]
    signs = 2 * _bits(len(factors)) - 1
    columns = np.stack([signs[:, list(term)].prod(1) for term in terms], axis=1)
    fitted = _least_squares(columns, values)
    if fitted is None:
        return ()
    contrasts = whole @ columns * 2 / len(columns)
    return tuple(
        Effect(tuple(factors[i] for i in term), fitted[place], estimate(contrasts[:, place].tolist()))
        for place, term in enumerate(terms)
    )


def _least_squares(columns: Array, values: Array) -> list[Estimate] | None:
    """Return an estimate of each of `columns` [2^k, terms] from `values` [seeds, 2^k] (NaN: missing), with a block for each seed."""
    from statsmodels.regression.linear_model import OLS  # seconds to import

    seed, arm = np.nonzero(np.isfinite(values))
    blocks = (seed[:, None] == np.unique(seed)).astype(np.float64)
    design = np.concatenate([columns[arm], blocks], axis=1)
    if not len(seed) or np.linalg.matrix_rank(design) < design.shape[1]:
        return None
    fit = OLS(values[seed, arm], design).fit()
    means, n = 2 * fit.params, blocks.shape[1]
    if fit.df_resid < 1:
        return [Estimate(float(mean), None, None, n) for mean in means[: columns.shape[1]]]
    bounds = 2 * fit.conf_int(1 - LEVEL)
    return [Estimate(float(means[i]), float(bounds[i, 0]), float(bounds[i, 1]), n) for i in range(columns.shape[1])]
