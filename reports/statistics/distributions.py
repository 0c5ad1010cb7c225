"""What a search drew a parameter from, as Optuna's distribution, and a logged text as its value."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

LOG_RATIO = 20.0
"""A positive number of unknown range is judged on a log scale if its largest value is so many times its smallest."""


def distribution(texts: Sequence[str], dimension: Mapping[str, Any] | None) -> BaseDistribution:
    """Return what the logged `texts` of a parameter were drawn from.

    Args:
        texts: its values in the trials that had it, at least one.
        dimension: {"low", "high"} with "log" or "step", or {"choices"}, as `StudyInfo.space` has it. None, or one that
            does not hold all values (of a search's earlier start, or enqueued): the smallest distribution that does.
    """
    recorded = _recorded(dimension) if dimension else None
    if recorded is not None and all(_holds(recorded, text) for text in texts):
        return recorded
    return _smallest(texts)


def value_of(text: str, one: BaseDistribution) -> Any:
    """Return the value of `one` that was logged as `text`. Raises ValueError if it holds none."""
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
        raise ValueError(f"{text!r} is no whole number")
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
    """Return the finite number that `value` is or spells, else None; True and False are none."""
    try:
        number = math.nan if isinstance(value, bool) else float(str(value))
    except ValueError:
        return None
    return number if math.isfinite(number) else None
