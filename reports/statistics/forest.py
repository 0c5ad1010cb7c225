"""Out-of-bag permutation importance in a random forest."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from .permutation import Array

REFITS = 8
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
        scores.append(float(forest.oob_score_))
    stacked = np.array(shares)
    return stacked.mean(axis=0).tolist(), stacked.std(axis=0, ddof=1).tolist(), float(np.mean(scores))


def forest_r2(values: Sequence[float], columns: Mapping[str, Values]) -> float:
    """Return the mean out-of-bag R2 of forests grown from `columns`; 0 without columns."""
    return float(np.mean([forest.oob_score_ for forest, _, _ in _forests(values, columns)])) if columns else 0.0


def _forests(values: Sequence[float], columns: Mapping[str, Values]) -> Iterator[tuple[Any, Array, Array]]:
    """Yield a forest for each refit, with its trials [trials, parameters] and their values."""
    from sklearn.ensemble import RandomForestRegressor

    x, y = np.column_stack([_encode(column) for column in columns.values()]), np.array(values)
    for seed in range(REFITS):
        seen = np.random.default_rng(seed).permutation(len(y))[:MOST_TRIALS]
        sample = MOST_SAMPLES if len(seen) > MOST_SAMPLES else None
        forest = RandomForestRegressor(100, oob_score=True, random_state=seed, max_samples=sample)
        yield forest.fit(x[seen], y[seen]), x[seen], y[seen]


def losses(forest: Any, x: Array, y: Array, groups: Sequence[Sequence[int]], seed: int) -> list[float]:
    """Return the permutation importance of each group of columns of `x` [trials, parameters]: the rise in squared
    error.

    Each tree predicts only its out-of-bag trials (the first 500 of them); a trial's prediction is the mean over those
    trees. The columns of a group are shuffled together. All shuffled copies are predicted at once.
    """
    rows = min(len(y), MOST_SAMPLES)
    copies = _shuffled(x[:rows], groups, np.random.default_rng(seed))
    total, trees = np.zeros(copies.shape[:2]), np.zeros(rows)
    for tree, drawn in zip(forest.estimators_, forest.estimators_samples_, strict=True):
        out = np.setdiff1d(np.arange(rows), drawn)
        if not len(out):  # with few trials a tree may have no out-of-bag trial
            continue
        total[:, out] += tree.predict(copies[:, out].reshape(-1, x.shape[1])).reshape(len(copies), len(out))
        trees[out] += 1
    predicted = trees > 0
    errors = ((total[:, predicted] / trees[predicted] - y[:rows][predicted]) ** 2).mean(axis=1)
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
