"""Out-of-bag permutation importance in a random forest."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .permutation import Array

REFITS, TREES = 8, 100
SHUFFLES = 8
MOST_SAMPLES, MOST_TRIALS = 500, 2000
"""Most trials per tree (grown from, and shuffled) and per forest, drawn again for each refit. More trials change the
ranking little and take minutes.
"""

Values = list[float | str | None]
"""A parameter by trial: numbers, texts, and None where it is inactive."""


def shares_of(values: Sequence[float]) -> list[float]:
    """Return `values`, clipped at 0, divided by their sum; equal shares if none is positive."""
    positive = [max(value, 0.0) for value in values]
    total = math.fsum(positive)
    return [value / total if total > 0 else 1 / len(positive) for value in positive]


@dataclass(frozen=True)
class Forest:
    """Regression trees, each with the numbers of the trials that it was grown from, [samples]."""

    trees: tuple[Any, ...]
    drawn: tuple[NDArray[np.int64], ...]

    @classmethod
    def grown(cls, x: Array, y: Array, samples: int, seed: int) -> Forest:
        """Return a random forest (Breiman 2001) for `y` [trials] from `x` [trials, parameters].

        Its trees are those of scikit-learn's RandomForestRegressor with the same seed. That takes up to twice as long,
        because a tree of so few trials takes less time than the checks around it.
        """
        from sklearn import config_context
        from sklearn.tree import DecisionTreeRegressor

        x, draws, trees, drawn = np.asarray(x, np.float32), np.random.RandomState(seed), [], []
        with config_context(assume_finite=True, skip_parameter_validation=True):
            for _ in range(TREES):
                own = int(draws.randint(np.iinfo(np.int32).max))
                sample = np.random.RandomState(own).randint(0, len(y), samples)
                weights = np.bincount(sample, minlength=len(y))
                tree = DecisionTreeRegressor(random_state=own)
                trees.append(tree.fit(x, y, sample_weight=weights, check_input=False))
                drawn.append(sample)
        return cls(tuple(trees), tuple(drawn))

    def predictions(self, copies: Array) -> Array:
        """Return out-of-bag predictions [copies, trials] for `copies` [copies, trials, parameters] of the first trials.

        A trial's prediction is the mean over the trees that were not grown from it, NaN if there is none.
        """
        count, rows, parameters = copies.shape
        copies, total, trees = np.asarray(copies, np.float32), np.zeros((count, rows)), np.zeros(rows)
        for tree, drawn in zip(self.trees, self.drawn, strict=True):
            out = np.setdiff1d(np.arange(rows), drawn)
            if not len(out):  # with few trials a tree may have no out-of-bag trial
                continue
            found = tree.predict(copies[:, out].reshape(-1, parameters), check_input=False)
            total[:, out] += found.reshape(count, len(out))
            trees[out] += 1
        return total / np.where(trees > 0, trees, np.nan)


def forest_importance(
    values: Sequence[float], columns: Mapping[str, Values], groups: Sequence[Sequence[str]]
) -> tuple[list[float], list[float], float]:
    """Return, for the `values` of trials, each group's mean share, its standard deviation over refits, and the mean
    out-of-bag R2 of the forests.
    """
    places = [[list(columns).index(name) for name in group] for group in groups]
    shares, scores = [], []
    for seed, (forest, x, y) in enumerate(_forests(values, columns)):
        shares.append(shares_of(losses(forest, x, y, places, seed)))
        scores.append(r2(forest, x, y))
    stacked = np.array(shares)
    return stacked.mean(axis=0).tolist(), stacked.std(axis=0, ddof=1).tolist(), float(np.mean(scores))


def forest_r2(values: Sequence[float], columns: Mapping[str, Values]) -> float:
    """Return the mean out-of-bag R2 of forests grown from `columns`; 0 without columns."""
    return float(np.mean([r2(*grown) for grown in _forests(values, columns)])) if columns else 0.0


def _forests(values: Sequence[float], columns: Mapping[str, Values]) -> Iterator[tuple[Forest, Array, Array]]:
    """Yield a forest for each refit, with its trials [trials, parameters] and their values."""
    x, y = np.column_stack([_encode(column) for column in columns.values()]), np.array(values)
    for seed in range(REFITS):
        seen = np.random.default_rng(seed).permutation(len(y))[:MOST_TRIALS]
        yield Forest.grown(x[seen], y[seen], min(len(seen), MOST_SAMPLES), seed), x[seen], y[seen]


def r2(forest: Forest, x: Array, y: Array) -> float:
    """Return the share of the variance of `y` that out-of-bag predictions explain."""
    error = y - forest.predictions(x[None])[0]
    return float(1 - np.nansum(error**2) / np.sum((y - y.mean()) ** 2))


def losses(forest: Forest, x: Array, y: Array, groups: Sequence[Sequence[int]], seed: int) -> list[float]:
    """Return the permutation importance of each group of columns of `x` [trials, parameters]: the rise in squared
    error.

    Each tree predicts only its out-of-bag trials (the first 500 of them). The columns of a group are shuffled together.
    All shuffled copies are predicted at once.
    """
    rows = min(len(y), MOST_SAMPLES)
    copies = _shuffled(x[:rows], groups, np.random.default_rng(seed))
    errors = np.nanmean((forest.predictions(copies) - y[:rows]) ** 2, axis=1)
    found: list[float] = (errors[1:].reshape(len(groups), SHUFFLES).mean(axis=1) - errors[0]).tolist()
    return found


def _shuffled(x: Array, groups: Sequence[Sequence[int]], generator: np.random.Generator) -> Array:
    """Return [1 + groups * SHUFFLES, trials, parameters]: `x` as it is, then with each group's columns shuffled
    together.
    """
    copies = np.repeat(x[None], 1 + len(groups) * SHUFFLES, axis=0)
    for place in range(1, len(copies)):
        columns = list(groups[(place - 1) // SHUFFLES])
        copies[place][:, columns] = x[generator.permutation(len(x))][:, columns]
    return copies


def _encode(values: Values) -> Array:
    """Return `values` as one column of ranks, with "off" below everything else."""
    order: list[float | str] = sorted({value for value in values if value is not None})
    codes = {value: float(code) for code, value in enumerate(order)}
    return np.array([-1.0 if value is None else codes[value] for value in values])
