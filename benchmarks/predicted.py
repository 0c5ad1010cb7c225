"""Compares predicted power with the power in simulated studies, for an increase and for a decrease of an arm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reports.statistics.declared_test import POWER, declared_test
from reports.statistics.estimate import estimate
from reports.statistics.noise_model import LogitNoise, NormalNoise, logit_noise
from reports.statistics.permutation import ALPHA
from reports.statistics.power import declared_detectable, declared_power, smallest, t_power
from reports.statistics.step_down import max_t

from .simulated import ARMS, SEEDS, TASKS, Setting, differences, scores, setting_with, shift_with

PILOT = 1000
"""Studies of one arm without an effect that form the large pilot: 8,000 pairs of seeds."""
SMALL_PILOTS = 30
TEST = declared_test(ARMS, SEEDS)


@dataclass(frozen=True)
class Power:
    """Power of studies with the true difference `true`, in percent: simulated, and predicted from the large pilot or
    from its standard deviation.

    `t_true` and so on are the same for the t interval, at its own difference.
    """

    accuracy: float
    share: float
    true: float
    predicted: float
    simulated: float
    from_sd: float
    t_true: float
    t_predicted: float
    t_simulated: float


def powers(accuracy: float, share: float, studies: int) -> list[Power]:
    """Return a row for an increase and one for a decrease, each with a power of 80 % predicted from the pilot."""
    setting = setting_with(accuracy, share)
    generator = np.random.default_rng([12, round(100 * accuracy), round(100 * share)])
    noise, sd = large_pilot(setting, generator)
    return [_power(accuracy, share, setting, noise, sd, limit, studies, generator) for limit in noise.limits[::-1]]


def _power(
    accuracy: float, share: float, setting: Setting, noise: LogitNoise, sd: float, limit: float, studies: int,
    generator: np.random.Generator,
) -> Power:  # fmt: skip
    true = smallest(lambda d: declared_power(noise, d, TEST) - POWER, limit)
    t_true = smallest(lambda d: t_power(noise, d, SEEDS) - POWER, limit)
    assert true is not None
    assert t_true is not None
    real = differences(setting, studies, shift_with(setting, true), generator).mean(-1)
    t_real = differences(setting, studies, shift_with(setting, t_true), generator, arms=1).mean(-1)[:, 0]
    return Power(
        accuracy, share, 100 * true, 100 * declared_power(noise, true, TEST),
        100 * float((max_t(real)[:, 0] <= ALPHA).mean()),
        100 * declared_power(NormalNoise(sd), true, TEST),
        100 * t_true, 100 * t_power(noise, t_true, SEEDS),
        100 * sum(estimate(row).excludes_zero for row in t_real.tolist()) / studies,
    )  # fmt: skip


def large_pilot(setting: Setting, generator: np.random.Generator) -> tuple[LogitNoise, float]:
    """Return the noise of a pilot so large that its own sampling error is negligible, and the standard deviation of its
    differences.
    """
    base, arm = scores(setting, PILOT, 0.0, generator, arms=1).swapaxes(0, 1).reshape(2, -1, TASKS)
    noise = logit_noise([arm], [base])
    assert noise is not None
    return noise, float((arm - base).mean(1).std(ddof=1))


def small_pilots(accuracy: float, share: float) -> tuple[float, float]:
    """Return the range of 80 % of small pilots' minimum detectable effects, relative to the large pilot's.

    A small pilot is one study without an effect: 8 seeds, 5 arms.
    """
    setting = setting_with(accuracy, share)
    generator = np.random.default_rng([13, round(100 * accuracy), round(100 * share)])
    wanted = declared_detectable(large_pilot(setting, generator)[0], TEST)
    ratios = []
    for base, *arms in scores(setting, SMALL_PILOTS, 0.0, generator):
        noise = logit_noise(arms, [base] * ARMS)
        assert noise is not None
        ratios.append((declared_detectable(noise, TEST) or np.nan) / (wanted or np.nan))
    low, high = np.quantile(ratios, [0.1, 0.9])
    return float(low), float(high)
