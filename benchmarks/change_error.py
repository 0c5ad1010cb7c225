"""How often a repeated design (`across`) has any false verdict, says that an effect changes which does not, and finds
one that does.

A family holds its comparisons at both values and their changes. An accuracy's effect is said to change only where
points and log odds are both decided, to the same side.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from reports.statistics.permutation import ALPHA, Array
from reports.statistics.step_down import max_t

from .family_error import LIMIT, lower_bound

BASES: dict[str, tuple[float, float]] = {"60, 60 %": (0.6, 0.6), "80, 98 %": (0.8, 0.98)}
"""Accuracy of the base at both values."""
SIZES, SEEDS, DEVIATION = (5, 11), (6, 8, 12), 0.3
"""`DEVIATION`: of a run's log odds over seeds."""
SOME, POINTS = 0.6, -0.04
"""Effect of a third of the arms, the same at both values: in log odds, or in points."""
CHANGE = 2.0
"""The change of one arm's effect that is to be found: in standard deviations of a change's log odds."""


@dataclass(frozen=True)
class ChangeError:
    """Shares of studies, in percent.

    Without any effect: `verdict` any false verdict of the family, `change` any false change. A third with an effect
    that is the same at both values, in log odds or in points: any change is said by that scale alone (`_alone`), or by
    both. `found`: the one real change.
    """

    bases: str
    size: int
    seeds: int
    verdict: float
    change: float
    odds_alone: float
    odds: float
    points_alone: float
    points: float
    found: float


def change_errors(studies: int) -> Iterator[ChangeError]:
    """Yield the rows of the table."""
    for bases in BASES:
        for size in SIZES:
            for seeds in SEEDS:
                yield _row(bases, size, seeds, studies)


def _row(bases: str, size: int, seeds: int, studies: int) -> ChangeError:
    generator = np.random.default_rng([31, size, seeds])
    centre = logit(np.array(BASES[bases]))[:, None]
    log_odds = centre + DEVIATION * generator.normal(size=(studies, size + 1, 2, seeds))
    some, accuracies = 1 + size // 3, expit(log_odds)
    none, equal_odds, equal_points, real = (log_odds.copy() for _ in range(4))
    equal_odds[:, 1:some] += SOME
    equal_points[:, 1:some] = logit(accuracies[:, 1:some] + POINTS)
    real[:, 1, 1] -= CHANGE * 2 * DEVIATION  # four runs
    p = max_t(family(expit(none)))
    return ChangeError(
        bases, size, seeds, _any(p <= ALPHA), _any(p[:, 2 * size :] <= ALPHA),
        _any(decided(equal_odds, size)), _any(said(equal_odds, size)),
        _any(decided(expit(equal_points), size)), _any(said(equal_points, size)),
        _any(said(real, size)[:, :1]),
    )  # fmt: skip


def family(values: Array) -> Array:
    """Return the contrasts [studies, 3 m, seeds] of a family from values [studies, 1 + m arms, 2, seeds], the base
    first: its comparisons at the first value, at the later one, and their changes.
    """
    first, later = np.moveaxis(values[:, 1:] - values[:, :1], 2, 0)
    return np.concatenate([first, later, later - first], 1)


def decided(values: Array, size: int) -> Array:
    """Return the side [studies, m] to which each change is decided on the scale of `values`; 0 if it is not."""
    contrasts = family(values)
    return np.asarray(np.sign(contrasts.sum(2)) * (max_t(contrasts) <= ALPHA))[:, 2 * size :]


def said(log_odds: Array, size: int) -> Array:
    """Return which effects [studies, m] are said to change: decided in points and in log odds, to the same side."""
    return np.asarray(decided(log_odds, size) * decided(expit(log_odds), size) > 0)


def _any(found: npt.NDArray[Any]) -> float:
    return 100 * float(np.asarray(found != 0).any(1).mean())


def line(row: ChangeError) -> str:
    """Return the row of a table."""
    return "| " + " | ".join(f"{x:.1f}" if isinstance(x, float) else str(x) for x in astuple(row)) + " |"


def broken(row: ChangeError, studies: int) -> list[str]:
    """Return the limits that a row breaks: lower 99 % bounds of what a report says are at most 5.5 %."""
    found = {
        "no effect": row.verdict,
        "a change, effects the same in log odds": row.odds,
        "a change, effects the same in points": row.points,
    }
    return [
        f"changes, {row.bases}, {row.size} comparisons, {row.seeds} seeds: a false verdict in {error:.1f} % ({what})"
        for what, error in found.items()
        if lower_bound(round(error / 100 * studies), studies) > LIMIT
    ]


def print_changes(studies: int) -> list[str]:
    """Print the table; return the limits that are broken."""
    print(f"\nDoes an effect change: any false verdict, {studies} studies a row\n\n{HEAD}")
    failures = []
    for row in change_errors(studies):
        print(line(row), flush=True)
        failures += broken(row, studies)
    return failures


HEAD = (
    "| base at both values | comparisons | seeds | any verdict | any change | same log odds: log odds alone | both |"
    " same points: points alone | both | found |\n|:--|" + "---:|" * 9
)
