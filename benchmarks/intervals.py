"""How often the intervals of a report hold the truth: of single arms, of differences, of changes, of a large family.

Runs vary on the logit scale alone, as if they had endlessly many test tasks: answers that are drawn only make
accuracies more normal. All numbers come from the functions that reports call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass
from statistics import fmean

import numpy as np
from scipy.special import expit, logit

from reports.statistics.estimate import Estimate, accuracy_estimate, difference_estimate, estimate
from reports.statistics.permutation import ALPHA, Array

from .simulated import ACCURACIES

DEVIATIONS = (0.15, 0.3, 0.6, 1.0)
"""Of the seeds' log odds."""
SEEDS, FAMILY, EFFECT = 8, 40, 0.5
"""`EFFECT`: of every second arm, in log odds; of every fourth it is twice that at the later value."""
PER_ARM = (4, 8, 16)
LEAST = 93.0


@dataclass(frozen=True)
class Coverage:
    """Shares of intervals, in percent, that hold the true mean; `together`: of studies in which all 40 Bonferroni
    intervals do.
    """

    accuracy: float
    deviation: float
    arm_4: float
    arm_8: float
    arm_16: float
    plain_8: float
    difference: float
    change: float
    together: float


def coverages(studies: int) -> Iterator[Coverage]:
    """Yield the rows of the table."""
    for accuracy in ACCURACIES:
        for deviation in DEVIATIONS:
            yield _row(accuracy, deviation, studies)


def _row(accuracy: float, deviation: float, studies: int) -> Coverage:
    generator = np.random.default_rng([29, round(100 * accuracy), round(100 * deviation)])
    centre = float(logit(accuracy))
    true = mean_accuracy(np.array(centre), deviation)
    alone = expit(centre + deviation * generator.normal(size=(studies, PER_ARM[-1])))
    arm_4, arm_8, arm_16 = (share_held(alone[:, :seeds], true, accuracy_estimate) for seeds in PER_ARM)
    plain = share_held(alone[:, :SEEDS], true, estimate)
    # a tenth of the studies: each has 40 comparisons
    shifts = effects(2)
    runs = expit(centre + shifts[..., None] + deviation * generator.normal(size=(studies // 10, FAMILY + 1, 2, SEEDS)))
    means = mean_accuracy(centre + shifts, deviation)
    found, expected = runs[:, 1:] - runs[:, :1], means[1:] - means[:1]
    return Coverage(
        accuracy, deviation, arm_4, arm_8, arm_16, plain,
        share_held(found[:, :, 0], expected[:, 0], difference_estimate),
        share_held(found[:, :, 1] - found[:, :, 0], expected[:, 1] - expected[:, 0], estimate),
        _together(found[:, :, 0], expected[:, 0]),
    )  # fmt: skip


def effects(values: int) -> Array:
    """Return the effects [1 + 40, values] of a base, which has none, and its arms, in log odds."""
    found = np.zeros((FAMILY + 1, values))
    found[1::2] = EFFECT
    found[1::4, 1:] = 2 * EFFECT
    return found


def mean_accuracy(centre: Array, deviation: float) -> Array:
    """Return the mean accuracy of runs whose log odds are normal about `centre`."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    return np.asarray(expit(centre[..., None] + deviation * nodes) @ weights / weights.sum())


def share_held(values: Array, true: Array, of: Callable[[Sequence[float]], Estimate]) -> float:
    """Return the share, in percent, of intervals over the last axis of `values` that hold their true mean."""
    expected = np.broadcast_to(true, values.shape[:-1]).ravel().tolist()
    rows = values.reshape(-1, values.shape[-1]).tolist()
    return 100 * fmean(holds(of(row), mean) for row, mean in zip(rows, expected, strict=True))


def holds(found: Estimate, mean: float) -> bool:
    """Return whether an interval holds the mean; one that would be all that can be does."""
    return found.too_few or (found.low is not None and found.high is not None and found.low <= mean <= found.high)


def _together(values: Array, true: Array) -> float:
    level, means = 1 - ALPHA / FAMILY, true.tolist()
    every = (
        all(holds(estimate(row, level), mean) for row, mean in zip(study, means, strict=True))
        for study in values.tolist()
    )
    return 100 * fmean(every)


def line(row: Coverage) -> str:
    """Return the row of a table."""
    accuracy, deviation, *numbers = astuple(row)
    return "| " + " | ".join([f"{accuracy:.2f}", f"{deviation:.2f}", *(f"{x:.1f}" for x in numbers)]) + " |"


def broken(row: Coverage) -> list[str]:
    """Return the limits that a row breaks: at least 93 % for an arm of 8 seeds whose log odds have a deviation of at
    most 0.3, and for differences and changes there and in the middle.
    """
    found = {"arms of 8 seeds": row.arm_8} if row.deviation <= 0.3 else {}
    if row.accuracy == ACCURACIES[0] or row.deviation <= 0.3:
        found |= {"differences": row.difference, "changes": row.change}
    return [
        f"intervals, accuracy {row.accuracy}, deviation {row.deviation}: {what} cover {share:.1f} %, at least {LEAST:g}"
        for what, share in found.items()
        if share < LEAST
    ]


def print_intervals(studies: int) -> list[str]:
    """Print the table; return the limits that are broken."""
    print(f"\nIntervals that hold the truth, {studies} studies a row\n\n{HEAD}")
    failures = []
    for row in coverages(studies):
        print(line(row), flush=True)
        failures += broken(row)
    return failures


HEAD = (
    "| accuracy | sd of seeds, log odds | arm, 4 seeds | arm, 8 | arm, 16 | arm, 8, plain t | difference, 8 |"
    " change, 8 | all of 40, Bonferroni |\n|" + "---:|" * 9
)
