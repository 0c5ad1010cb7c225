"""Stopping rules, which decide which config is trained next, and how far.

Each rule receives configs in an order, as random search draws them, and yields (config, epoch): the config is to be
trained up to this epoch. A rule sees `Curves.seen` up to that epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

import numpy as np

from .table import LENGTH, Curves

Steps = Iterator[tuple[int, int]]
Rule = Callable[[Curves, Iterable[int]], Steps]


def to_the_end(curves: Curves, order: Iterable[int]) -> Steps:
    """Train each config to its end: random search."""
    for config in order:
        yield config, LENGTH


def halving(rungs: Sequence[int] = (1, 3), factor: int = 3) -> Rule:
    """Return successive halving that stops a config immediately, as Optuna's pruner does with one worker."""

    def rule(curves: Curves, order: Iterable[int]) -> Steps:
        reached: list[list[float]] = [[] for _ in rungs]
        for config in order:
            for rung, values in zip(rungs, reached, strict=True):
                yield config, rung
                value = curves.seen[config, rung - 1]
                values.append(value)
                if np.isnan(value) or value < sorted(values)[-max(1, len(values) // factor)]:
                    break
            else:
                yield config, LENGTH

    return rule


def promotion(rungs: Sequence[int] = (1,), factor: int = 3) -> Rule:
    """Return successive halving in which a stopped config continues as soon as it is among the best 1 in `factor` of
    its rung (Li et al. 2020, "A system for massively parallel hyperparameter tuning").

    With one rung, it is a short look at many configs, of which the best few continue to the end.
    """

    def rule(curves: Curves, order: Iterable[int]) -> Steps:
        at: list[dict[int, float]] = [{} for _ in rungs]
        gone_on: list[set[int]] = [set() for _ in rungs]
        fresh = iter(order)
        while True:
            for level in reversed(range(len(rungs))):
                ranked = sorted(at[level], key=lambda config: -at[level][config])
                best = [config for config in ranked[: len(ranked) // factor] if config not in gone_on[level]]
                if best:
                    gone_on[level].add(best[0])
                    config, goal = best[0], (*rungs, LENGTH)[level + 1]
                    break
            else:
                level, goal = -1, rungs[0]
                if (config := next(fresh, -1)) < 0:
                    return
            yield config, goal
            if level + 1 < len(rungs) and not np.isnan(value := curves.seen[config, goal - 1]):
                at[level + 1][config] = value

    return rule


def look(many: int, epochs: int, few: int) -> Rule:
    """Return the rule that trains `many` configs for some epochs, then the best `few` of them to the end, best first
    (Egele et al. 2024).
    """

    def rule(curves: Curves, order: Iterable[int]) -> Steps:
        looked = list(islice(order, many))
        for config in looked:
            yield config, epochs
        seen = curves.seen[:, epochs - 1]
        for config in sorted(looked, key=lambda config: -np.nan_to_num(seen[config]))[:few]:
            yield config, LENGTH

    return rule
