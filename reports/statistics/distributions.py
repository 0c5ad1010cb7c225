"""Optuna distributions of searched parameters, and conversion of logged texts to their values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

LOG_RATIO = 20.0
"""A positive number of unknown range gets a log scale if its largest and smallest values differ by this factor."""


def distribution(texts: Sequence[str], dimension: Mapping[str, Any] | None) -> BaseDistribution:
    """Return the distribution that the logged `texts` of a parameter were drawn from.

    Args:
        texts: its values in the trials in which it is active, at least one.
        dimension: {"low", "high"} with "log" or "step", or {"choices"}, as `StudyInfo.space` has it. If None, or if it
            lacks some values (enqueued, or from an earlier start), the smallest distribution with all of them.
    """
    recorded = _recorded(dimension) if dimension else None
    if recorded is not None and all(_holds(recorded, text) for text in texts):
        return recorded
    return _smallest(texts)


def value_of(text: str, one: BaseDistribution) -> Any:
    """Return the value of `one` that was logged as `text`. Raises ValueError if there is none."""
    from optuna.distributions import CategoricalDistribution, IntDistribution

    if isinstance(one, CategoricalDistribution):
        same = [choice for choice in one.choices if str(choice) == text] or [
            choice for choice in one.choices if _number(choice) is not None and _number(choice) == _number(text)
        ]
        if not same:
            raise ValueError(f"{text!r} is none of {one.choices}")
        return same[0]
    number = float(text)
    if isinstance(one, IntDistribution) and number != int(number):
        raise ValueError(f"{text!r} is not an integer")
    return int(number) if isinstance(one, IntDistribution) else number


def _recorded(dimension: Mapping[str, Any]) -> BaseDistribution | None:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    try:
        if "choices" in dimension:
            return CategoricalDistribution(dimension["choices"])
        low, high, step = dimension["low"], dimension["high"], dimension.get("step")
        log = bool(dimension.get("log"))
        if isinstance(low, int) and isinstance(high, int):
            return IntDistribution(low, high, log=log, step=int(step or 1))
        return FloatDistribution(low, high, log=log, step=step)
    except (KeyError, TypeError, ValueError):  # written by hand, or by another version
        return None


def _holds(one: BaseDistribution, text: str) -> bool:
    try:
        return bool(one._contains(one.to_internal_repr(value_of(text, one))))
    except (OverflowError, ValueError):
        return False


def _smallest(texts: Sequence[str]) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    numbers = [number for text in texts if (number := _number(text)) is not None]
    if len(numbers) < len(texts):
        return CategoricalDistribution(sorted(set(texts)))
    low, high = min(numbers), max(numbers)
    log = low > 0 and high >= LOG_RATIO * low
    if all(text.lstrip("+-").isdigit() for text in texts):
        return IntDistribution(int(low), int(high), log=log)
    return FloatDistribution(low, high, log=log)


def _number(value: object) -> float | None:
    """Return `value` as a finite number, else None; booleans are not numbers."""
    try:
        number = math.nan if isinstance(value, bool) else float(str(value))
    except ValueError:
        return None
    return number if math.isfinite(number) else None
