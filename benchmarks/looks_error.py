"""Error rate and power of studies that are tested at 8, 12 and 16 seeds, with and without declaring the looks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass

import numpy as np

from reports.statistics.looks import look_levels
from reports.statistics.permutation import ALPHA, Array, holm
from reports.statistics.step_down import max_t
from reports.statistics.verdict import equivalence_p
from reports.text import many

from .family_error import LIMIT, SOME, Draw, lower_bound, near_the_ceiling, normal

LOOKS, SIZES = (8, 12, 16), (1, 5, 11)
MARGIN = 0.75
"""The margin, in standard deviations of a difference; it is the true difference of every comparison when false
equivalence is counted.
"""
NOISES: dict[str, Draw] = {"normal": normal, "98 %, logit sd 0.6": near_the_ceiling}
FEWER = 5
"""Power is simulated with this many times fewer studies."""


@dataclass(frozen=True)
class LooksError:
    """Shares of studies, in percent, in which some comparison without an effect is significant at any look.

    `undeclared_twice` and `undeclared`: looks at 8 and 16, or at 8, 12 and 16 seeds, each at level 0.05. `some`:
    declared looks, if a third of the comparisons have an effect of 1.5 standard deviations; None if a third is none.
    `equivalent`: some comparison is called equivalent although every true difference equals the margin.
    """

    noise: str
    size: int
    declared: float
    some: float | None
    undeclared_twice: float
    undeclared: float
    equivalent: float


@dataclass(frozen=True)
class LooksPower:
    """Shares of studies, in percent, that have found a single effect of this many standard deviations by each look; the
    last number is for one test with 16 seeds.
    """

    size: int
    effect: float
    by_8: float
    by_12: float
    by_16: float
    once: float


def looks_errors(studies: int) -> Iterator[LooksError]:
    """Yield the rows of the table of errors."""
    for noise, draw in NOISES.items():
        for size in SIZES:
            values = draw(np.random.default_rng([23, size]), studies, size, LOOKS[-1])
            p = [max_t(values[..., :seeds]).min(1) for seeds in LOOKS]
            sd = values.std(axis=(0, 2), keepdims=True)
            yield LooksError(
                noise, size, _any(p, look_levels(LOOKS)), _some(values, size // 3) if size >= 3 else None,
                _any([p[0], p[2]], (ALPHA, ALPHA)), _any(p, (ALPHA,) * 3), _equivalent(values / sd + MARGIN),
            )  # fmt: skip


def looks_powers(studies: int) -> Iterator[LooksPower]:
    """Yield the rows of the table of power."""
    for size in SIZES[1:]:
        for effect in (1.0, SOME):
            values = normal(np.random.default_rng([24, size]), studies // FEWER, size, LOOKS[-1])
            values[:, 0] += effect
            p = [max_t(values[..., :seeds])[:, 0] for seeds in LOOKS]
            levels = look_levels(LOOKS)
            found = [_any(p[:looks], levels[:looks]) for looks in (1, 2, 3)]
            yield LooksPower(size, effect, found[0], found[1], found[2], 100 * float((p[2] <= ALPHA).mean()))


def _any(p: Sequence[Array], levels: Sequence[float]) -> float:
    found = [own <= level for own, level in zip(p, levels, strict=True)]
    return 100 * float(np.any(found, axis=0).mean())


def _some(values: Array, effects: int) -> float:
    """Return the share of studies with a false positive if the first `effects` comparisons have an effect."""
    values = values.copy()
    values[:, :effects] += SOME * values.std(axis=(0, 2))[:effects, None]
    decided = np.zeros(values.shape[:2], dtype=np.bool_)
    for seeds, level in zip(LOOKS, look_levels(LOOKS), strict=True):
        left = np.where(decided[..., None], 0.0, values[..., :seeds])  # what is decided is tested no more
        decided |= (max_t(left) <= level) & ~decided
    return 100 * float(decided[:, effects:].any(1).mean())


def _equivalent(values: Array) -> float:
    found = np.zeros(len(values), dtype=np.bool_)
    for seeds, level in zip(LOOKS, look_levels(LOOKS, one_sided=True), strict=True):
        raw = [[equivalence_p(row[:seeds], MARGIN) for row in study] for study in values.tolist()]
        found |= (holm(np.array(raw, dtype=np.float64)) <= level).any(1)
    return 100 * float(found.mean())


def line(row: LooksError | LooksPower) -> str:
    """Return a Markdown row of the table."""
    cells = ("–" if x is None else f"{x:.1f}" if isinstance(x, float) else str(x) for x in astuple(row))
    return f"| {' | '.join(cells)} |"


def broken(row: LooksError, studies: int) -> list[str]:
    """Return the limits that a row exceeds: the lower 99 % bounds of the declared looks' errors are at most 5.5 %."""
    found = {"no effect": row.declared, "some effects": row.some, "equivalence": row.equivalent}
    return [
        f"looks, {row.noise}, {many(row.size, 'comparison')}: a false verdict in {error:.1f} % ({what})"
        for what, error in found.items()
        if error is not None and lower_bound(round(error / 100 * studies), studies) > LIMIT
    ]


def print_looks(studies: int) -> list[str]:
    """Print both tables; return the limits that are exceeded."""
    failures = []
    print(f"\nLooks at 8, 12 and 16 seeds: any false verdict, {studies} studies a row\n\n{ERROR_HEAD}")
    for row in looks_errors(studies):
        print(line(row), flush=True)
        failures += broken(row, studies)
    print(f"\nLooks: one effect is found, {studies // FEWER} studies a row\n\n{POWER_HEAD}")
    for power in looks_powers(studies):
        print(line(power), flush=True)
    return failures


ERROR_HEAD = (
    "| noise | comparisons | declared | a third with effects | undeclared 8, 16 | undeclared 8, 12, 16 | false"
    " equivalence |\n|:--|" + "---:|" * 6
)
POWER_HEAD = "| comparisons | effect, sd | by 8 | by 12 | by 16 | one test at 16 |\n|" + "---:|" * 6
