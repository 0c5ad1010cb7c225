"""How good a search's best is expected to be after so many trials: the way to compare searches of different length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

DRAWS = 1000
LEVEL = 0.95
MOST_POINTS = 200


@dataclass(frozen=True)
class ExpectedBest:
    """Budgets (numbers of trials), the expected best value after each, and its 95 % bootstrap band over trials."""

    trials: tuple[int, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


def expected_best(values: Sequence[float]) -> ExpectedBest:
    """Return the expected maximum of n of `values`, drawn with replacement, for n up to their number.

    Dodge et al. 2019 (arXiv 1909.03004), equation 2: sum over ranks i of N of value(i) ((i / N)^n - ((i - 1) / N)^n). The band
    is a percentile bootstrap over the values; it knows nothing of values better than those that were seen.
    """
    found = np.sort(np.asarray(values, dtype=np.float64))
    count = len(found)
    budgets = np.unique(np.linspace(1, count, min(count, MOST_POINTS)).round().astype(int))
    ranks = np.arange(count + 1) / count
    weights = np.diff(ranks ** budgets[:, None], axis=1)
    draws = np.sort(np.random.default_rng([3, count]).choice(found, (DRAWS, count)), axis=1)
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(draws @ weights.T, [tail, 1 - tail], axis=0)
    return ExpectedBest(tuple(budgets.tolist()), _numbers(weights @ found), _numbers(low), _numbers(high))


def _numbers(values: npt.NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(values.tolist())
