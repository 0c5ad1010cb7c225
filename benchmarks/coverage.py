"""Properties of the reports' statistics in simulated studies whose truth is known: `make test-statistics`.

`benchmarks.simulated` makes the studies; every number comes from the functions that reports and plans call. Exits with
status 1 if a limit is exceeded.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from dataclasses import astuple, dataclass

import numpy as np

from reports.statistics.bootstrap import hierarchical_interval
from reports.statistics.estimate import estimate
from reports.statistics.permutation import ALPHA, Array, holm, sign_flip_p

from . import family_error
from .change_error import print_changes
from .intervals import print_intervals
from .looks_error import print_looks
from .other_intervals import print_other_intervals
from .predicted import SMALL_PILOTS, Power, powers, small_pilots
from .simulated import ACCURACIES, ARMS, QUERIES, SEEDS, SHARES, TASKS, differences, setting_with


@dataclass(frozen=True)
class Null:
    """Results of studies without any effect; shares of studies in percent."""

    accuracy: float
    share: float
    false_positives: float
    t: float
    bootstrap: float
    naive: float


def null(accuracy: float, share: float, studies: int) -> Null:
    """Return one row of the first table."""
    generator = np.random.default_rng([11, round(100 * accuracy), round(100 * share)])
    values = differences(setting_with(accuracy, share), studies, 0.0, generator)
    shares = (
        (holm(sign_flip_p(values.mean(-1))) <= ALPHA).any(1).mean(),
        1 - sum(estimate(row).excludes_zero for row in values.mean(-1).reshape(-1, SEEDS).tolist()) / studies / ARMS,
        _bootstrap_coverage(values[:, 0]),
        _naive_coverage(values),
    )
    return Null(accuracy, share, *(100 * float(one) for one in shares))


def _bootstrap_coverage(values: Array) -> float:
    bounds = hierarchical_interval(values)
    return float(((bounds[:, 0] <= 0) & (bounds[:, 1] >= 0)).mean())


def _naive_coverage(values: Array) -> float:
    """Return the coverage of 1.96 standard errors over all tasks as if they were independent: the interval that papers
    often print.
    """
    flat = values.reshape(-1, SEEDS * TASKS)
    half = 1.96 * flat.std(axis=1, ddof=1) / math.sqrt(SEEDS * TASKS)
    return float((np.abs(flat.mean(1)) <= half).mean())


NULL_HEAD = (
    "| accuracy | seeds' share | any false positive | t covers | bootstrap covers | per-task interval covers |\n|"
    + "---:|" * 6
)
POWER_HEAD = (
    "| accuracy | seeds' share | difference, points | predicted | simulated | from sd | t: difference | t: predicted |"
    " t: simulated |\n|" + "---:|" * 9
)


def line(row: Null | Power) -> str:
    """Return a Markdown row of the table."""
    accuracy, share, *numbers = astuple(row)
    return "| " + " | ".join([f"{accuracy:.2f}", f"{share:.2f}", *(f"{x:.1f}" for x in numbers)]) + " |"


def broken(row: Null | Power) -> list[str]:
    """Return the limits that a row exceeds."""
    if isinstance(row, Null):
        rules = {
            f"any false positive in {row.false_positives:.1f} % of studies, at most 5.5": row.false_positives <= 5.5,
            f"t intervals cover {row.t:.1f} %, not 93.5 to 96.5": 93.5 <= row.t <= 96.5,
        }
    else:
        rules = {
            f"power {found:.1f} %, predicted {predicted:.1f}": abs(found - predicted) <= 5
            for found, predicted in ((row.simulated, row.predicted), (row.t_simulated, row.t_predicted))
        }
    return [f"accuracy {row.accuracy}, share {row.share}: {what}" for what, kept in rules.items() if not kept]


def _print_families(studies: int) -> list[str]:
    """Print the error rates and the power of families; return the limits that are exceeded."""
    failures = []
    print(f"\nFamilies without an effect: any false positive, {studies} studies a row\n\n{family_error.ERROR_HEAD}")
    for row in family_error.family_errors(studies):
        print(family_error.line(row), flush=True)
        failures += family_error.broken(row, studies)
    print(f"\nOne effect of {family_error.EFFECT:g} standard deviations: found\n\n{family_error.POWER_HEAD}")
    for power in family_error.family_powers(studies):
        print(family_error.line(power), flush=True)
    return failures


def main() -> int:
    """Print the tables; return 1 if a limit is exceeded."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--studies", type=int, default=2000, help="studies a row (2000: standard error 0.5 points at 5 %%)"
    )
    parser.add_argument(
        "--families",
        type=int,
        default=10_000,
        help=f"studies a row of {', '.join(MANY)}",
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=[*PARTS], help="which tables; default: all")
    chosen = parser.parse_args()
    started, failures = time.perf_counter(), []
    print(
        f"{chosen.studies} studies a row: {ARMS} arms and their base, {SEEDS} seeds x {TASKS} tasks x {QUERIES}"
        " queries; in percent"
    )
    for part in chosen.parts:
        failures += PARTS[part](chosen.families if part in MANY else chosen.studies)
    verdict = "All limits are met" if not failures else "BROKEN: " + "; ".join(failures)
    print(f"\n{verdict}. {time.perf_counter() - started:.0f} s")
    return 1 if failures else 0


def _print_null(studies: int) -> list[str]:
    print(f"\nWithout any effect\n\n{NULL_HEAD}")
    failures: list[str] = []
    for setting in SETTINGS:
        row = null(*setting, studies)
        print(line(row), flush=True)
        failures += broken(row)
    return failures


def _print_power(studies: int) -> list[str]:
    print(f"\nPower\n\n{POWER_HEAD}")
    failures: list[str] = []
    for setting in SETTINGS:
        for power in powers(*setting, studies):
            print(line(power), flush=True)
            failures += broken(power)
    return failures


def _print_pilots(_: int) -> list[str]:
    print(
        f"\nSmallest detectable difference by pilots of {SEEDS} seeds, over the large pilot's: 80 % of {SMALL_PILOTS}"
        " pilots\n"
    )
    print("| accuracy | seeds' share | from | to |\n|---:|---:|---:|---:|")
    for accuracy, share in SETTINGS:
        low, high = small_pilots(accuracy, share)
        print(f"| {accuracy:.2f} | {share:.2f} | {low:.2f} | {high:.2f} |", flush=True)
    return []


SETTINGS = [(accuracy, share) for accuracy in ACCURACIES for share in SHARES]
PARTS = {
    "null": _print_null,
    "power": _print_power,
    "pilots": _print_pilots,
    "intervals": print_intervals,
    "other-intervals": print_other_intervals,
    "families": _print_families,
    "changes": print_changes,
    "looks": print_looks,
}
MANY = ("intervals", "other-intervals", "families", "changes", "looks")
"""Parts of `--families` studies a row."""


if __name__ == "__main__":
    sys.exit(main())
