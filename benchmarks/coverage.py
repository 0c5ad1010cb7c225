"""How the statistics of reports behave in simulated studies whose truth is known: `make test-statistics`.

A study has 5 arms and their base, 8 seeds, 100 test tasks of 25 queries. A task's accuracy is binomial; its chance is that of the
method, shifted on the logit scale by the task (the same for all arms) and by arm and seed. The second shift is scaled so
that seeds carry the stated share of the variance of a seed's mean paired difference. Every number comes from the functions
that reports call. Exits with 1 if a limit is broken.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from dataclasses import astuple, dataclass

import numpy as np
from scipy.special import expit, logit

from reports.bootstrap import hierarchical_interval
from reports.permutation import ALPHA, Array, holm, sign_flip_p
from reports.power import sign_flip_detectable, sign_flip_power, t_power
from reports.statistics import estimate

ARMS, SEEDS, TASKS, QUERIES = 5, 8, 100, 25
SHARES = (0.1, 0.3, 0.5, 0.8, 0.95)
ACCURACIES = (0.6, 0.98)
TASK_SD = 0.5
"""Standard deviation of the tasks' shifts on the logit scale."""
PILOT = 4000
"""Studies from which true differences and deviations are computed."""


@dataclass(frozen=True)
class Setting:
    """Mean accuracy without shifts, and the standard deviation of the shift of arm and seed (logit scale)."""

    accuracy: float
    seed_sd: float


def differences(
    setting: Setting, studies: int, shift: float, generator: np.random.Generator, arms: int = ARMS
) -> Array:
    """Return [studies, arms, seeds, tasks]: arm minus base. The first arm's chance is moved by `shift` on the logit scale."""
    tasks = generator.normal(0, TASK_SD, (studies, 1, SEEDS, TASKS))
    seeds = generator.normal(0, setting.seed_sd, (studies, arms + 1, SEEDS, 1))
    seeds[:, 1] += shift
    scores = generator.binomial(QUERIES, expit(logit(setting.accuracy) + tasks + seeds)) / QUERIES
    found: Array = scores[:, 1:] - scores[:, :1]
    return found


def share_of(setting: Setting) -> float:
    """Return the seeds' share of the variance of a seed's mean difference, from its definition."""
    values = differences(setting, 400, 0.0, np.random.default_rng(7), arms=1).reshape(-1, TASKS)
    of_tasks = values.var(axis=1, ddof=1).mean() / TASKS
    return 1 - float(of_tasks / values.mean(1).var(ddof=1))


def setting_with(accuracy: float, share: float) -> Setting:
    """Return the setting whose seeds have that share, by bisection."""
    low, high = 0.0, 3.0
    for _ in range(14):
        middle = (low + high) / 2
        low, high = (middle, high) if share_of(Setting(accuracy, middle)) < share else (low, middle)
    return Setting(accuracy, (low + high) / 2)


@dataclass(frozen=True)
class Row:
    """What the studies of one setting gave; shares of studies in percent."""

    accuracy: float
    share: float
    false_positives: float
    t: float
    bootstrap: float
    naive: float
    predicted: float
    simulated: float
    t_predicted: float
    t_simulated: float


def simulate(accuracy: float, share: float, studies: int) -> Row:
    """Return one row: first studies without any effect, then with one that is found in 80 % of studies, as predicted."""
    generator = np.random.default_rng([11, round(100 * accuracy), round(100 * share)])
    setting = setting_with(accuracy, share)
    null = differences(setting, studies, 0.0, generator)
    shift, effect = _detectable_shift(setting, generator)
    real = differences(setting, studies, shift, generator).mean(-1)
    found = holm(sign_flip_p(real))[:, 0] <= ALPHA
    return Row(
        accuracy, share, 100 * _false_positives(null), 100 * _t_coverage(null.mean(-1).reshape(-1, SEEDS)),
        100 * _bootstrap_coverage(null[:, 0]), 100 * _naive_coverage(null),
        100 * sign_flip_power(effect, SEEDS, ARMS), 100 * float(found.mean()),
        100 * t_power(effect, SEEDS), 100 * (1 - _t_coverage(real[:, 0])),
    )  # fmt: skip


def _detectable_shift(setting: Setting, generator: np.random.Generator) -> tuple[float, float]:
    """Return a shift of the first arm, and its true difference over its true deviation, near the smallest detectable one."""
    wanted = sign_flip_detectable(SEEDS, ARMS)
    assert wanted is not None
    low, high = 0.0, 6.0
    for _ in range(10):
        middle = (low + high) / 2
        means = differences(setting, PILOT // 10, middle, np.random.default_rng(5), arms=1)[:, 0].mean(-1)
        low, high = (middle, high) if means.mean() / means.std(ddof=1) < wanted else (low, middle)
    means = differences(setting, PILOT, high, generator, arms=1)[:, 0].mean(-1)
    return high, float(means.mean() / means.std(ddof=1))


def _false_positives(null: Array) -> float:
    """Return the share of studies with any Holm-significant comparison."""
    return float((holm(sign_flip_p(null.mean(-1))) <= ALPHA).any(1).mean())


def _t_coverage(rows: Array) -> float:
    """Return the share of rows [k, seeds] whose t interval holds 0."""
    return 1 - sum(estimate(row).excludes_zero for row in rows.tolist()) / len(rows)


def _bootstrap_coverage(values: Array) -> float:
    bounds = hierarchical_interval(values)
    return float(((bounds[:, 0] <= 0) & (bounds[:, 1] >= 0)).mean())


def _naive_coverage(values: Array) -> float:
    """Return the coverage of 1.96 standard errors over all tasks as if they were independent: what papers often print."""
    flat = values.reshape(-1, SEEDS * TASKS)
    half = 1.96 * flat.std(axis=1, ddof=1) / math.sqrt(SEEDS * TASKS)
    return float((np.abs(flat.mean(1)) <= half).mean())


HEAD = (
    "| accuracy | seeds' share | any false positive | t covers | bootstrap covers | per-task interval covers "
    "| power predicted | simulated | t: power predicted | simulated |\n|" + "---:|" * 10
)


def line(row: Row) -> str:
    """Return the row of the table, in percent."""
    return (
        "| " + " | ".join([f"{row.accuracy:.2f}", f"{row.share:.2f}", *(f"{x:.1f}" for x in astuple(row)[2:])]) + " |"
    )


def broken(row: Row) -> list[str]:
    """Return the limits that a row breaks."""
    rules = {
        f"any false positive in {row.false_positives:.1f} % of studies, at most 5.5": row.false_positives <= 5.5,
        f"t intervals cover {row.t:.1f} %, not 93.5 to 96.5": 93.5 <= row.t <= 96.5,
        f"power {row.simulated:.1f} %, predicted {row.predicted:.1f}": abs(row.simulated - row.predicted) <= 5,
        f"t: power {row.t_simulated:.1f} %, predicted {row.t_predicted:.1f}": abs(row.t_simulated - row.t_predicted)
        <= 5,
    }
    return [f"accuracy {row.accuracy}, share {row.share}: {what}" for what, kept in rules.items() if not kept]


def main() -> int:
    """Print the table; return 1 if a limit is broken."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--studies", type=int, default=2000, help="studies a row (2000: standard error 0.5 points at 5 %%)"
    )
    studies = parser.parse_args().studies
    started, failures = time.perf_counter(), []
    print(f"{studies} studies a row, {ARMS} arms, {SEEDS} seeds x {TASKS} tasks; all numbers in percent\n\n{HEAD}")
    for accuracy in ACCURACIES:
        for share in SHARES:
            row = simulate(accuracy, share, studies)
            print(line(row), flush=True)
            failures += broken(row)
    print(
        f"\n{'All limits kept' if not failures else 'BROKEN: ' + '; '.join(failures)}. {time.perf_counter() - started:.0f} s"
    )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
