"""Formats of numbers in reports and on a terminal.

Accuracies are shown in percent with two decimals, differences in percentage points; values of other metrics are
multiplied by their scale and shown with five digits.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from .metric import ACCURACY, PERCENT, Metric
from .statistics.estimate import TOO_FEW, Estimate

NONE = "–"
MINUS = "−"
DIGITS = 5
MOST_NAMED = 8
"""Most names in a list; a sweep can have many more."""


def percent(value: float | None, signed: bool = False) -> str:
    """Return a share of 1 as percent with two decimals ("97.12"), or a dash if it is not finite."""
    return value_text(value, signed)


def value_text(value: float | None, signed: bool = False, metric: Metric = ACCURACY) -> str:
    """Return a value of `metric`, or a difference, without its unit: a percentage with two decimals, another number
    with five digits ("1769.7", "0.012345"); a dash if it is not finite.
    """
    if value is None or not math.isfinite(value):
        return NONE
    number = metric.scale * value
    sign = "+" if signed else ""
    if metric.unit == PERCENT:
        number = round(number, 2) + 0.0  # -0.0 becomes 0.0
        return f"{number:{sign if number else ''}.2f}".replace("-", MINUS)
    return _five_digits(number, sign if number else "").replace("-", MINUS)


def _five_digits(number: float, sign: str) -> str:
    if not number:
        return "0"
    digits = DIGITS - 1 - math.floor(math.log10(abs(number)))
    if not -3 <= digits <= 9:
        return f"{number:{sign}.{DIGITS - 1}e}"
    return f"{number:{sign}.{max(0, digits)}f}"


def measured(found: Estimate | float | None, metric: Metric = ACCURACY) -> str:
    """Return "71.25 %" for a single run, "71.25 % [70.10, 72.40], n = 3" for a mean; a dash for None."""
    if isinstance(found, Estimate):
        shown = interval(found, metric=metric) if found.ends else f"({interval(found)})"
        return measured(found.mean, metric) + (f" {shown}, n = {found.n}" if found.n > 1 else "")
    return NONE if found is None else with_unit(found, metric)


def with_unit(value: float | None, metric: Metric, difference: bool = False) -> str:
    """Return a value of `metric` with its unit ("97.12 %", "1769.7"), or a difference ("+1.20 points")."""
    unit = metric.difference_unit if difference else metric.unit
    return " ".join([value_text(value, difference, metric), *([unit] if unit else [])])


def interval(found: Estimate, signed: bool = False, metric: Metric = ACCURACY) -> str:
    """Return "[96.80, 97.44]", or why there is no interval."""
    if found.too_few:
        return TOO_FEW
    if found.low is None or found.high is None:
        return "n = 1, no interval" if found.n == 1 else "no variation, no interval" if found.n else NONE
    return f"[{value_text(found.low, signed, metric)}, {value_text(found.high, signed, metric)}]"


def without_bars(drawn: Iterable[Estimate], bar: str = "bar") -> str:
    """Return a sentence for a figure's caption on intervals that are not drawn: " No bar: too few seeds, ..."; empty
    without such.
    """
    some = any(found.too_few for found in drawn)
    return f" No {bar}: {TOO_FEW}, the interval would be all that can be." if some else ""


def with_interval(found: Estimate, signed: bool = False, metric: Metric = ACCURACY) -> str:
    """Return "97.12 [96.80, 97.44], n = 3" or "97.12 (n = 1, no interval)"; a dash for n = 0."""
    mean = value_text(found.mean, signed, metric)
    if found.n < 2:
        return f"{mean} (n = 1, no interval)" if found.n else NONE
    if not found.ends:
        return f"{mean} ({interval(found)}), n = {found.n}"
    return f"{mean} {interval(found, signed, metric)}, n = {found.n}"


def p_value(p: float | None) -> str:
    """Return p with two significant digits, or an upper bound for a very small one."""
    if p is None:
        return NONE
    return f"{p:.2g}" if p >= 0.0001 else "<0.0001"


def many(count: int, noun: str, plural: str = "") -> str:
    """Return "1 pair" or "2 pairs"; give `plural` for an irregular noun."""
    return f"{count} {noun if count == 1 else plural or f'{noun}s'}"


def between(counts: Iterable[int], noun: str) -> str:
    """Return "8 seeds" where all counts are the same, else "6 to 8 seeds"; "" for no counts."""
    found = sorted({*counts})
    return f"{found[0]} to " * (len(found) > 1) + many(found[-1], noun) if found else ""


def listed(names: Sequence[str]) -> str:
    """Return "a, b and c", or of many names the first and how many more there are."""
    shown = [*names[:MOST_NAMED], *([f"{len(names) - MOST_NAMED} more"] if len(names) > MOST_NAMED else [])]
    return " and ".join([*([", ".join(shown[:-1])] if shown[1:] else []), *shown[-1:]])


def duration(seconds: float | None) -> str:
    """Return a duration: 42 s, 3 min 05 s, 2 h 10 min; a dash for None."""
    if seconds is None:
        return NONE
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def about(seconds: float) -> str:
    """Return an estimated duration, coarsely rounded: under 1 min, about 3 min, about 2.5 h, about 3 days."""
    minutes, hours = seconds / 60, seconds / 3600
    if minutes < 1:
        return "under 1 min"
    if minutes < 57.5:
        return f"about {round(minutes) if minutes < 9.5 else 5 * round(minutes / 5)} min"
    if hours < 9.75:
        return f"about {max(1.0, round(2 * hours) / 2):g} h"
    return f"about {round(hours)} h" if hours < 47.5 else f"about {round(hours / 24)} days"


def setting_text(text: str | None) -> str:
    """Return a searched parameter's value: numbers with four digits, "off" for an inactive one."""
    if text is None:
        return "off"
    try:
        value = float(text)
    except ValueError:
        return text
    return f"{value:.4g}" if math.isfinite(value) else text
