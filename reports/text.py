"""How numbers are written for people, in reports and on a terminal: one format each.

Accuracies are shown in percent with two decimals, differences in percentage points.
"""

from __future__ import annotations

import math

from .statistics.estimate import Estimate

NONE = "–"
MINUS = "−"


def percent(value: float | None, signed: bool = False) -> str:
    """Return a share of 1 as percent with two decimals ("97.12"), or a dash for what is not a finite number."""
    if value is None or not math.isfinite(value):
        return NONE
    number = round(100 * value, 2) + 0.0  # -0.0 becomes 0.0
    return f"{number:{'+' if signed and number else ''}.2f}".replace("-", MINUS)


def accuracy(found: Estimate | float | None) -> str:
    """Return "71.25 %" for a single run, "71.25 % [70.10, 72.40], n = 3" for a mean; a dash for None."""
    if isinstance(found, Estimate):
        shown = interval(found) if found.low is not None else f"({interval(found)})"
        return accuracy(found.mean) + (f" {shown}, n = {found.n}" if found.n > 1 else "")
    return NONE if found is None else f"{percent(found)} %"


def interval(found: Estimate, signed: bool = False) -> str:
    """Return "[96.80, 97.44]", or why there is no interval."""
    if found.low is None or found.high is None:
        return "n = 1, no interval" if found.n == 1 else "no variation, no interval" if found.n else NONE
    return f"[{percent(found.low, signed)}, {percent(found.high, signed)}]"


def with_interval(found: Estimate, signed: bool = False) -> str:
    """Return "97.12 [96.80, 97.44], n = 3" or "97.12 (n = 1, no interval)"; a dash for n = 0."""
    if found.n < 2:
        return f"{percent(found.mean, signed)} (n = 1, no interval)" if found.n else NONE
    if found.low is None:
        return f"{percent(found.mean, signed)} ({interval(found)}), n = {found.n}"
    return f"{percent(found.mean, signed)} {interval(found, signed)}, n = {found.n}"


def p_value(p: float | None) -> str:
    """Return p with two significant digits, or what it is below."""
    if p is None:
        return NONE
    return f"{p:.2g}" if p >= 0.0001 else "<0.0001"


def many(count: int, noun: str) -> str:
    """Return "1 pair" or "2 pairs"."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def duration(seconds: float | None) -> str:
    """Return a length of time: 42 s, 3 min 05 s, 2 h 10 min; a dash for None."""
    if seconds is None:
        return NONE
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def about(seconds: float) -> str:
    """Return a guess of a length of time, no finer than it is worth: under 1 min, 3 min, 25 min, 2.5 h, 3 days."""
    minutes, hours = seconds / 60, seconds / 3600
    if minutes < 1:
        return "under 1 min"
    if minutes < 57.5:
        return f"{round(minutes) if minutes < 9.5 else 5 * round(minutes / 5)} min"
    if hours < 9.75:
        return f"{max(1.0, round(2 * hours) / 2):g} h"
    return f"{round(hours)} h" if hours < 47.5 else f"{round(hours / 24)} days"


def setting_text(text: str | None) -> str:
    """Return a searched parameter's value: numbers with four digits, what was not active as "off"."""
    if text is None:
        return "off"
    try:
        value = float(text)
    except ValueError:
        return text
    return f"{value:.4g}" if math.isfinite(value) else text
