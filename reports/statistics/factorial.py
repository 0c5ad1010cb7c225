"""Analysis of a full factorial: main effects, interactions, and Shapley values of the total gain."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from ..metric import COUNTED, TEST_ACCURACY, Metric
from ..records import Factorial
from .estimate import Estimate, difference_estimate
from .permutation import Array

Cells = Mapping[str, Mapping[int, float]]
"""Arm -> seed -> primary metric."""


@dataclass(frozen=True)
class Effect:
    """A main effect (one factor) or the interaction of two, as a difference of the primary metric.

    Main effect: mean over all arms with the factor minus mean over all arms without it. Interaction of A and B: half of
    (effect of A with B minus effect of A without B); 0 if the effects are additive.

    `estimate`: the mean of this contrast in each seed that has all arms, with Student's t interval over these seeds.
    (Intervals from pooled residuals would cover too little if an effect varies from seed to seed.) If no seed has all
    arms, it is the least-squares estimate from the available runs, without an interval, and `estimate.n` is 0.
    """

    factors: tuple[str, ...]
    estimate: Estimate


@dataclass(frozen=True)
class FactorialEffects:
    """Effects in the order of their factors, main effects first; empty while too many cells are missing. `arms`: all
    2^k.

    `gain` is all factors on minus all off. `shapley` maps each factor to its share of it: its marginal difference,
    averaged over all orders in which the factors can be switched on; the shares sum to the gain. Both use only seeds
    with every arm, `complete_seeds`. `missing` counts the cells without a complete run.
    """

    factors: tuple[str, ...]
    arms: tuple[str, ...]
    effects: tuple[Effect, ...]
    gain: Estimate
    shapley: Mapping[str, Estimate]
    complete_seeds: tuple[int, ...]
    missing: int


def factorial_effects(design: Factorial, cells: Cells, metric: Metric = TEST_ACCURACY) -> FactorialEffects:
    """Return the effects of a full factorial from its complete cells."""
    arms = _in_binary_order(design)
    seeds = sorted({seed for arm in arms for seed in cells.get(arm, {})})
    values = np.array([[cells.get(arm, {}).get(seed, math.nan) for arm in arms] for seed in seeds])
    values = values.reshape(len(seeds), len(arms))
    complete = np.isfinite(values).all(1)
    whole = values[complete]
    same = metric.same(*whole.ravel().tolist()) or COUNTED

    def of(contrast: Array) -> Estimate:
        return difference_estimate(contrast.tolist(), metric=metric, same=same)

    parts = whole @ _shapley_weights(len(design.factors)).T
    return FactorialEffects(
        design.factors,
        tuple(arms),
        _effects(design.factors, values, whole, of),
        of(whole[:, -1] - whole[:, 0]),
        {factor: of(parts[:, i]) for i, factor in enumerate(design.factors)},
        tuple(seed for seed, there in zip(seeds, complete, strict=True) if there),
        int(np.isnan(values).sum()),
    )


def _in_binary_order(design: Factorial) -> list[str]:
    """Return the arms in binary order: bit i of an arm's index says whether factor i is on."""
    place = {arm: sum(1 << i for i, f in enumerate(design.factors) if f in on) for arm, on in design.arms.items()}
    return sorted(place, key=lambda arm: place[arm])


def _bits(factors: int) -> Array:
    """Return [2^k, k]: 1.0 where a factor is on."""
    found: Array = ((np.arange(2**factors)[:, None] >> np.arange(factors)) & 1).astype(np.float64)
    return found


def _shapley_weights(factors: int) -> Array:
    """Return weights [k, 2^k]: share of factor i = sum of weight times value (Shapley 1953)."""
    on = _bits(factors)
    size = on.sum(1)
    with_it = np.array([0.0] + [1 / (factors * math.comb(factors - 1, s - 1)) for s in range(1, factors + 1)])
    without = np.array([1 / (factors * math.comb(factors - 1, s)) for s in range(factors)] + [0.0])
    sizes = size.astype(np.intp)
    found: Array = np.where(on == 1, with_it[sizes][:, None], -without[sizes][:, None]).T
    return found


def _effects(
    factors: Sequence[str], values: Array, whole: Array, of: Callable[[Array], Estimate]
) -> tuple[Effect, ...]:
    """Return main effects and two-way interactions; none if they are not identifiable from the cells."""
    terms = [*combinations(range(len(factors)), 1), *combinations(range(len(factors)), 2)]
    signs = 2 * _bits(len(factors)) - 1
    columns = np.stack([signs[:, list(term)].prod(1) for term in terms], axis=1)
    if len(whole):
        contrasts = whole @ columns * 2 / len(columns)
        found = [of(contrasts[:, place]) for place in range(len(terms))]
    else:
        found = [Estimate(mean, None, None, 0) for mean in _least_squares(columns, values)]
    return tuple(Effect(tuple(factors[i] for i in term), one) for term, one in zip(terms, found, strict=False))


def _least_squares(columns: Array, values: Array) -> list[float]:
    """Return the effect of each of `columns` [2^k, terms] in `values` [seeds, 2^k] (NaN: missing), with a block for
    each seed. Empty if they are not identifiable.
    """
    seed, arm = np.nonzero(np.isfinite(values))
    blocks = (seed[:, None] == np.unique(seed)).astype(np.float64)
    design = np.concatenate([columns[arm], blocks], axis=1)
    if not len(seed) or np.linalg.matrix_rank(design) < design.shape[1]:
        return []
    found: list[float] = (2 * np.linalg.lstsq(design, values[seed, arm])[0][: columns.shape[1]]).tolist()
    return found
