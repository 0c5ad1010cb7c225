"""How fast arms learn: the first epoch at which a run reaches a given value on validation data, paired by seed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..metric import Metric
from ..records import Family, RunRecord
from .arms import Arm
from .comparison import Comparison, compare
from .estimate import Estimate, estimate
from .judging import Rules

EPOCHS = Metric("epochs", better="lower", unit="epochs", title="Epochs")


@dataclass(frozen=True)
class SpeedRow:
    """An arm's epochs to the value: their mean, in how many runs it was not reached, and the comparison with its base
    (None for the base itself). A run that did not reach it counts as one epoch beyond its last.
    """

    arm: str
    epochs: Estimate
    missed: int
    comparison: Comparison | None


@dataclass(frozen=True)
class Speed:
    """The arms of a family against the value that every run of its base reached, in what the metric is shown in."""

    family: str
    value: float
    rows: tuple[SpeedRow, ...]


def speeds(families: Sequence[Family], arms: Mapping[str, Arm], measured: Metric, rules: Rules) -> list[Speed]:
    """Return the speed of each family with one base whose runs have a curve."""
    found = (_speed(family, arms, measured, rules) for family in families)
    return [one for one in found if one is not None]


def _speed(family: Family, arms: Mapping[str, Arm], measured: Metric, rules: Rules) -> Speed | None:
    bases = {base for _, base in family.comparisons}
    names = [name for name in dict.fromkeys((*bases, *(arm for arm, _ in family.comparisons))) if name in arms]
    curves = {name: {run.seed: _curve(run, measured) for run in arms[name].used} for name in names}
    reached = [measured.best(curve) for base in bases for curve in curves.get(base, {}).values() if curve]
    known = [value for value in reached if value is not None]
    if len(bases) != 1 or not known or len(known) < len(curves[next(iter(bases))]):
        return None
    goal = _goal(known, measured)
    timed = {name: _timed(arms[name], curves[name], goal, measured) for name in names}
    found, _ = compare([family], {name: arm for name, (arm, _) in timed.items()}, EPOCHS, replace(rules, margin=None))
    against = {one.arm: one for one in found}
    rows = (SpeedRow(name, arm.estimate, missed, against.get(name)) for name, (arm, missed) in timed.items())
    return Speed(family.name, goal * measured.scale, tuple(rows))


def _curve(run: RunRecord, measured: Metric) -> list[float]:
    return [value for _, value in run.curves.get(measured.validation, ())]


def _goal(reached: Sequence[float], measured: Metric) -> float:
    """Return the worst of the base's best values; of a share the whole percent below it."""
    worst = min(reached, key=lambda value: measured.sign * value)
    return math.floor(100 * worst + 1e-9) / 100 if measured.is_share else worst


def _timed(arm: Arm, curves: Mapping[int | None, list[float]], goal: float, measured: Metric) -> tuple[Arm, int]:
    epochs: dict[int, float] = {}
    missed = 0
    for seed in arm.values:
        curve = curves.get(seed) or []
        at = next((e for e, value in enumerate(curve, 1) if measured.sign * (value - goal) >= 0), None)
        if curve:
            epochs[seed], missed = float(at or len(curve) + 1), missed + (at is None)
    return replace(arm, values=epochs, estimate=estimate(list(epochs.values())), used=()), missed
