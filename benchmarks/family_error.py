"""Error rate and power of a family of comparisons: how often any comparison without an effect is significant, and how
often one real effect is found.

The studies have arms and a base, whose noise the comparisons of a family share. The unit is the standard deviation of a
paired difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass

import numpy as np
from scipy.special import expit, logit
from scipy.stats import beta

from reports.statistics.permutation import ALPHA, Array, holm, sign_flip_p
from reports.statistics.step_down import max_t

SIZES, SEEDS = (5, 11, 40), (6, 8, 12)
EFFECT = 2.0
"""Effect of the one arm that has one."""
SOME = 1.5
"""Effect of a third of the arms, when false positives among the others are counted."""
LIMIT = 0.055
Draw = Callable[[np.random.Generator, int, int, int], Array]
"""(generator, studies, comparisons, seeds) -> differences [studies, comparisons, seeds] without any effect."""


def normal(generator: np.random.Generator, studies: int, size: int, seeds: int) -> Array:
    """Arms and base are normal, so differences have a correlation of one half."""
    arms, base = generator.normal(size=(studies, size, seeds)), generator.normal(size=(studies, 1, seeds))
    return (arms - base) / 2**0.5


def near_the_ceiling(generator: np.random.Generator, studies: int, size: int, seeds: int) -> Array:
    """Accuracies around 98 %, whose logits have a standard deviation of 0.6: skewed, but their paired differences are
    not.
    """
    logits = logit(0.98) + 0.6 * generator.normal(size=(studies, size + 1, seeds))
    values = expit(logits)
    return np.asarray(values[:, 1:] - values[:, :1])


def two_bases(generator: np.random.Generator, studies: int, size: int, seeds: int) -> Array:
    """Half of the comparisons have a different base, with three times the standard deviation."""
    half = size // 2
    return np.concatenate(
        [normal(generator, studies, size - half, seeds), 3 * normal(generator, studies, half, seeds)], 1
    )


def skewed(generator: np.random.Generator, studies: int, size: int, seeds: int) -> Array:
    """Each difference is skewed with mean 0, which violates the assumption of sign-flip tests."""
    return np.asarray(generator.exponential(size=(studies, size, seeds)) - 1)


NOISES: dict[str, Draw] = {
    "normal": normal,
    "98 %, logit sd 0.6": near_the_ceiling,
    "two bases, 9 x variance": two_bases,
}
INVALID: dict[str, Draw] = {"skewed differences (invalid)": skewed}


@dataclass(frozen=True)
class FamilyError:
    """Shares of studies, in percent, in which some comparison without an effect is significant."""

    noise: str
    size: int
    seeds: int
    max_t: float
    moderated: float
    holm: float
    some: float
    """For maxT, if a third of the comparisons have an effect of 1.5 standard deviations."""


@dataclass(frozen=True)
class FamilyPower:
    """Shares of studies, in percent, that find a single effect of 2 standard deviations of a difference."""

    size: int
    seeds: int
    max_t: float
    moderated: float
    holm: float


def family_errors(studies: int) -> Iterator[FamilyError]:
    """Yield the rows of the table of errors."""
    for noise, draw in {**NOISES, **INVALID}.items():
        for size in SIZES:
            for seeds in SEEDS:
                values = draw(_generator(size, seeds), studies, size, seeds)
                joint, moderated, by_holm = (_any(p) for p in _tests(values))
                effects = size // 3
                values[:, :effects] += SOME * values.std(axis=(0, 2))[:effects, None]
                some = _any(max_t(values)[:, effects:])
                yield FamilyError(noise, size, seeds, joint, moderated, by_holm, some)


def family_powers(studies: int) -> Iterator[FamilyPower]:
    """Yield the rows of the table of power."""
    for size in SIZES:
        for seeds in SEEDS:
            values = normal(_generator(size, seeds), studies, size, seeds)
            values[:, 0] += EFFECT
            yield FamilyPower(size, seeds, *(_any(p[:, :1]) for p in _tests(values)))


def _generator(size: int, seeds: int) -> np.random.Generator:
    return np.random.default_rng([21, size, seeds])


def _tests(values: Array) -> tuple[Array, Array, Array]:
    return max_t(values), max_t(values, moderated=True), holm(sign_flip_p(values))


def _any(p: Array) -> float:
    return 100 * float((p <= ALPHA).any(1).mean())


def line(row: FamilyError | FamilyPower) -> str:
    """Return a Markdown row of the table."""
    return "| " + " | ".join(f"{x:.1f}" if isinstance(x, float) else str(x) for x in astuple(row)) + " |"


def broken(row: FamilyError, studies: int) -> list[str]:
    """Return the limits that a row exceeds: the lower 99 % bound of maxT's error is at most 5.5 %, except where no
    sign-flip test is valid.
    """
    if row.noise in INVALID:
        return []
    found = {"no effect": row.max_t, "moderated": row.moderated, "some effects": row.some}
    return [
        f"{row.noise}, {row.size} comparisons, {row.seeds} seeds: any false positive in {error:.1f} % ({what})"
        for what, error in found.items()
        if lower_bound(round(error / 100 * studies), studies) > LIMIT
    ]


def lower_bound(count: int, studies: int) -> float:
    """Return the lower 99 % bound (Clopper and Pearson) of a share, from the observed count."""
    return float(beta.ppf(0.01, count, studies - count + 1)) if count else 0.0


ERROR_HEAD = (
    "| noise | comparisons | seeds | maxT | moderated | Holm | maxT, a third with effects |\n|:--|" + "---:|" * 6
)
POWER_HEAD = "| comparisons | seeds | maxT | moderated | Holm |\n|" + "---:|" * 5
