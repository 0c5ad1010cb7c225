"""What a factorial and a sweep found, once or at each value of a setting that the design is repeated across."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from ..designs import Across, Factorial, Sweep
from ..metric import Metric
from .factorial import FactorialEffects, factorial_effects
from .sweep import SweepCurve, sweep_curve

T = TypeVar("T")
Values = Mapping[str, Mapping[int, float]]
"""Arm -> seed -> primary metric."""


@dataclass(frozen=True)
class DesignAt:
    """What a design of its own analysis found; `where` is the value at which it is repeated, "" where it is not."""

    where: str
    factorial: FactorialEffects | None
    sweep: SweepCurve | None


def designs_at(
    factorial: Factorial | None, sweep: Sweep | None, across: Across | None, values: Values, metric: Metric
) -> tuple[DesignAt, ...]:
    """Return the analysis of a factorial or a sweep, once or at each value; none for another design."""
    if factorial is None and sweep is None:
        return ()
    if across is None:
        return (_design("", factorial, sweep, values, metric),)
    found = []
    for place in range(len(across.values)):
        names = across.names_at(place)
        whole = factorial and factorial.arms.keys() <= names.keys()  # a factor may have no effect at a value
        here = Factorial(factorial.factors, _renamed(factorial.arms, names)) if factorial and whole else None
        own = sweep and Sweep(sweep.path, _renamed(sweep.values, names))
        found.append(_design(across.value_text(place), here, own, values, metric))
    return tuple(found)


def _renamed(arms: Mapping[str, T], names: Mapping[str, str]) -> dict[str, T]:
    return {names[arm]: what for arm, what in arms.items() if arm in names}


def _design(where: str, factorial: Factorial | None, sweep: Sweep | None, values: Values, metric: Metric) -> DesignAt:
    return DesignAt(
        where,
        factorial_effects(factorial, values, metric) if factorial else None,
        sweep_curve(sweep, values, metric) if sweep else None,
    )
