"""Replays a stopping rule over a table: the incumbent's judged score against compute."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from .rules import Rule
from .table import Curves, Floats

REPETITIONS = 200
TRAININGS = 20
"""Compute budget of every method, in whole trainings of the table's mean compute."""
GRID = 240
"""Number of points at which the incumbent is evaluated, evenly spaced over the budget."""
SHARES = (0.25, 0.5, 1.0)
"""Shares of random search's compute; its mean incumbents at these points are the targets."""
DRAWS = 2000


def replay(curves: Curves, rule: Rule, order: Iterable[int], limit: float) -> Floats:
    """Return the judged accuracy of the incumbent at each point, [GRID]; NaN before there is an incumbent.

    The incumbent is the config with the best seen accuracy among those that were trained to the end.
    """
    spent, best, trained = 0.0, -math.inf, dict[int, float]()
    found = np.full(GRID, np.nan)
    for config, epoch in rule(curves, order):
        until = np.nanmax(curves.compute[config, :epoch])
        spent += until - trained.get(config, 0.0)
        trained[config] = until
        if spent > limit:
            break
        if epoch == curves.seen.shape[1] and curves.complete(config):
            seen, judged = curves.incumbent(config)
            if seen > best:
                best = seen
                found[math.ceil(GRID * spent / limit) - 1 :] = judged
    return found


def replays(curves: Curves, rule: Rule, repetitions: int = REPETITIONS, first: Sequence[int] = ()) -> Floats:
    """Return `replay` for repetitions that take the configs in different orders, the same orders for every rule: [R,
    GRID]. The rows `first` come first in each.
    """
    limit = TRAININGS * curves.full
    orders = [np.random.default_rng(seed).permutation(len(curves)).tolist() for seed in range(repetitions)]
    return np.array([replay(curves, rule, dict.fromkeys([*first, *order]), limit) for order in orders])


@dataclass(frozen=True)
class Ratio:
    """Compute to reach a target, relative to the compute that random search needs for it, with a 95 % interval."""

    value: float
    low: float
    high: float


def means(found: Floats) -> Floats:
    """Return the mean over repetitions at each point; NaN (below every target) if a repetition has no incumbent."""
    return np.asarray(found.mean(axis=0))


def reached(mean: Floats, target: float) -> float:
    """Return the share of the compute at which `mean` reaches the target; infinity if it never does."""
    above = np.flatnonzero(mean >= target)
    return float(above[0] + 1) / GRID if len(above) else math.inf


def ratios(ours: Floats, random: Floats) -> list[Ratio]:
    """Return, for each of `SHARES`, the compute that a method needs to find what random search has found by then.

    The interval is a percentile bootstrap over paired repetitions; targets are resampled with them.
    """
    rows = np.random.default_rng(7).integers(0, len(ours), (DRAWS, len(ours)))
    drawn = np.array([_ratios(ours[row], random[row]) for row in rows])
    tails = np.quantile(drawn, [0.025, 0.975], axis=0, method="nearest")
    return [Ratio(*numbers) for numbers in zip(_ratios(ours, random), *tails.tolist(), strict=True)]


def _ratios(ours: Floats, random: Floats) -> list[float]:
    mean, theirs = means(ours), means(random)
    found = []
    for share in SHARES:
        target = theirs[round(GRID * share) - 1]
        found.append(reached(mean, target) / reached(theirs, target))
    return found


def of_few(random: Floats, few: int = 5) -> tuple[Floats, Floats]:
    """Return the ratios that `few` repetitions of random search show at all of its compute, alone and against another
    `few`. They show what an estimate from so few repetitions is worth.
    """
    draws, itself, another = np.random.default_rng(7), list[float](), list[float]()
    for _ in range(DRAWS):
        rows = draws.permutation(len(random))[: 2 * few]
        ours, theirs = means(random[rows[:few]]), means(random[rows[few:]])
        itself.append(reached(ours, ours[-1]))
        another.append(reached(ours, theirs[-1]))
    return np.array(itself), np.array(another)


def gain(ours: Floats, random: Floats) -> Ratio:
    """Return by how many points the final incumbent is better than random search's, with a 95 % bootstrap interval."""
    apart = 100 * (ours[:, -1] - random[:, -1])
    rows = np.random.default_rng(7).integers(0, len(apart), (DRAWS, len(apart)))
    low, high = np.quantile(np.nanmean(apart[rows], axis=1), [0.025, 0.975])
    return Ratio(float(np.nanmean(apart)), float(low), float(high))
