"""How often the remaining intervals hold the truth: effects of a factorial, a study that ends at the look that decides
it, and epochs to a validation accuracy.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from statistics import fmean

import numpy as np
from scipy.special import expit, logit

from reports.designs import Factorial
from reports.statistics.estimate import Estimate, estimate
from reports.statistics.factorial import factorial_effects
from reports.statistics.looks import look_levels
from reports.statistics.permutation import Array
from reports.statistics.step_down import max_t

from .intervals import LEAST, holds, mean_accuracy
from .simulated import ACCURACIES

SEEDS, DEVIATION, EFFECT = 8, 0.3, 0.5
"""`DEVIATION`: of seeds' log odds; `EFFECT`: of the first factor, in log odds."""
VARIES = (0.0, 1.0, 2.0)
"""Deviation of that effect over seeds, as a multiple of `DEVIATION`."""
ON = [tuple(filter(None, some)) for some in product(("A", ""), ("B", ""), ("C", ""))]
FACTORIAL = Factorial(("A", "B", "C"), {"".join(on) or "none": on for on in ON})
LOOKS, EFFECTS = (8, 12, 16), (0.0, 0.5, 1.0, 1.5)
LAST = 20
"""Epochs of a run."""
LATE = (0.0, 0.1, 0.3)
"""Share of runs that do not reach the accuracy."""
Row = tuple[float, ...]
"""What the row is about, then shares of intervals that hold the truth, in percent."""


def factorial_rows(studies: int) -> Iterator[Row]:
    """Yield accuracy, how much an effect varies, and the coverage of it, an interaction and its Shapley value."""
    for accuracy, varies in product(ACCURACIES, VARIES):
        generator = np.random.default_rng([37, round(100 * accuracy), round(10 * varies)])
        on = np.array(["A" in own for own in FACTORIAL.arms.values()])[:, None]
        spread = DEVIATION * np.sqrt(1 + on[:, 0] * varies**2)
        centre = logit(accuracy) + EFFECT * on
        means = [float(mean_accuracy(c, float(s))) for c, s in zip(centre[:, 0], spread, strict=True)]
        true = _estimates(np.array(means)[:, None])
        held = np.zeros(len(true))
        for _ in range(studies):
            own = varies * DEVIATION * generator.normal(size=SEEDS)
            log_odds = centre + on * own + DEVIATION * generator.normal(size=(len(means), SEEDS))
            found = _estimates(expit(log_odds))
            held += [holds(one, real.mean) for one, real in zip(found, true, strict=True)]
        yield accuracy, varies, *(float(share) for share in (100 * held / studies)[[0, 3, 6]])


def _estimates(values: Array) -> list[Estimate]:
    """Return the main effects, interactions and Shapley values of accuracies [arms, seeds]."""
    cells = {arm: dict(enumerate(row)) for arm, row in zip(FACTORIAL.arms, values.tolist(), strict=True)}
    found = factorial_effects(FACTORIAL, cells)
    return [*(effect.estimate for effect in found.effects), *found.shapley.values()]


def look_rows(studies: int) -> Iterator[Row]:
    """Yield an effect in standard deviations, the coverage of the interval at each look, and of that at which a study
    ends that stops once its comparison is decided.
    """
    levels = look_levels(LOOKS)
    for effect in EFFECTS:
        values = effect + np.random.default_rng([38, round(10 * effect)]).normal(size=(studies, 1, LOOKS[-1]))
        decided = np.array([max_t(values[..., :n])[:, 0] <= level for n, level in zip(LOOKS, levels, strict=True)])
        held = [
            [holds(estimate(row[:n], 1 - level), effect) for row in values[:, 0].tolist()]
            for n, level in zip(LOOKS, levels, strict=True)
        ]
        end = np.where(decided.any(0), decided.argmax(0), len(LOOKS) - 1)
        at_end = [held[look][study] for study, look in enumerate(end)]
        yield effect, *(100 * fmean(one) for one in held), 100 * fmean(at_end)


def epoch_rows(studies: int) -> Iterator[Row]:
    """Yield the share of an arm's runs that do not reach the accuracy, and the coverage of the paired difference in
    epochs; such runs count as one epoch beyond the last.
    """
    for late in LATE:
        generator = np.random.default_rng([39, round(10 * late)])
        values = _epochs(generator, studies, late)
        true = float(_epochs(generator, 200_000, late).mean())
        yield late, 100 * fmean(holds(estimate(row), true) for row in values.tolist())


def _epochs(generator: np.random.Generator, studies: int, late: float) -> Array:
    """Return differences [studies, seeds]: an arm's epochs minus those of a base that always reaches the accuracy."""
    base = np.clip(np.ceil(10 + 2 * generator.normal(size=(studies, SEEDS))), 1, LAST)
    arm = np.clip(np.ceil(12 + 3 * generator.normal(size=(studies, SEEDS))), 1, LAST)
    return np.asarray(np.where(generator.random(size=arm.shape) < late, LAST + 1.0, arm) - base)


def line(row: Row, digits: tuple[int, ...]) -> str:
    """Return the row of a table; `digits` of the first cells, one for the others."""
    places = [*digits, *[1] * (len(row) - len(digits))]
    return "| " + " | ".join(f"{x:.{n}f}" for x, n in zip(row, places, strict=True)) + " |"


def broken(row: Row) -> list[str]:
    """Return a limit that a row of effects breaks: at least 93 %, near 100 % only if the effect varies no more than
    the seeds do.
    """
    accuracy, varies, *shares = row
    if min(shares) >= LEAST or (accuracy > ACCURACIES[0] and varies > 1):
        return []
    return [f"effects of a factorial, accuracy {accuracy}, varies {varies}: {min(shares):.1f} %, at least {LEAST:g}"]


def print_other_intervals(studies: int) -> list[str]:
    """Print the tables; return the limits that are broken."""
    print(f"\nEffects of a factorial that hold the truth, {studies} studies a row\n\n{FACTORIAL_HEAD}")
    failures = []
    for row in factorial_rows(studies):
        print(line(row, (2, 0)), flush=True)
        failures += broken(row)
    print(f"\nA difference's interval at looks, {studies} studies a row\n\n{LOOKS_HEAD}")
    for row in look_rows(studies):
        print(line(row, (1,)), flush=True)
    print(f"\nA difference in epochs, {studies} studies a row\n\n{EPOCHS_HEAD}")
    for row in epoch_rows(studies):
        print(line(row, (1,)), flush=True)
    return failures


FACTORIAL_HEAD = (
    "| accuracy | effect varies over seeds | main effect | its interaction | its Shapley value |\n|" + "---:|" * 5
)
LOOKS_HEAD = "| effect, sd | at 8 | at 12 | at 16 | where the study ends |\n|" + "---:|" * 5
EPOCHS_HEAD = "| not reached | difference in epochs |\n|" + "---:|" * 2
