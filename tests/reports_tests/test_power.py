"""Power against closed forms (all signs equal, the noncentral t), and against studies that are simulated task by
task.
"""

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import nct, norm, t

from reports.statistics.noise_model import LogitNoise, NormalNoise, logit_noise
from reports.statistics.permutation import Array, sign_flip_p
from reports.statistics.power import sign_flip_detectable, sign_flip_power, t_detectable, t_power

UNIT = NormalNoise(1.0)
ERROR = 4 * (0.25 / 4000) ** 0.5
"""Four standard errors of a share of 4,000 studies."""


def test_where_only_equal_signs_count_the_power_is_the_chance_that_all_are_equal() -> None:
    # 8 seeds in a family of 5: p = 2 / 256 is enough, 4 / 256 is not.
    for difference in (0.5, 1.0, 2.0):
        chance = norm.cdf(difference) ** 8 + norm.cdf(-difference) ** 8
        assert sign_flip_power(UNIT, difference, 8, 5) == pytest.approx(chance, abs=ERROR)


def test_the_smallest_detectable_difference_of_that_design_has_a_closed_form() -> None:
    assert sign_flip_detectable(UNIT, 8, 5) == pytest.approx(norm.ppf(0.8 ** (1 / 8)), abs=0.05)
    assert sign_flip_detectable(NormalNoise(0.02), 8, 5) == pytest.approx(0.02 * norm.ppf(0.8 ** (1 / 8)), abs=0.001)


def test_a_family_that_cannot_be_significant_detects_nothing() -> None:
    assert sign_flip_detectable(UNIT, 7, 5) is None
    assert sign_flip_power(UNIT, 20.0, 7, 5) == 0


def test_the_power_of_the_t_interval_is_that_of_the_noncentral_t() -> None:
    limit, shift = t.ppf(0.975, 4), 1.5 * 5**0.5
    assert t_power(UNIT, 1.5, 5) == pytest.approx(nct.sf(limit, 4, shift) + nct.cdf(-limit, 4, shift), abs=ERROR)
    found = t_detectable(UNIT, 5)
    assert found is not None
    assert nct.sf(limit, 4, found * 5**0.5) == pytest.approx(0.8, abs=ERROR)
    assert (t_power(UNIT, 9.0, 1), t_detectable(UNIT, 1)) == (0.0, None)


def test_more_seeds_and_smaller_families_detect_smaller_differences() -> None:
    detectable = [sign_flip_detectable(UNIT, seeds, size) for seeds, size in [(8, 6), (8, 1), (12, 1)]]
    values = [value for value in detectable if value is not None]
    assert values == sorted(values, reverse=True)
    assert len(set(values)) == 3


NEAR_THE_TOP = LogitNoise(
    base=float(logit(0.98)), base_var=0.28, arm_var=0.28, covariance=0.0, task_var=2e-5, spread=0.0236
)


def test_drawn_studies_have_the_wanted_difference_and_never_leave_the_accuracies() -> None:
    for true in (-0.05, 0.0, 0.01):
        drawn = NEAR_THE_TOP.differences(true, 8, 4000)
        assert drawn.mean() == pytest.approx(true, abs=4 * drawn.std() / 32000**0.5)
    with pytest.raises(
        ValueError, match=r"true must lie between -0\.97.* and 0\.02.*, not 0\.05: accuracies end at 0 and 1"
    ):
        NEAR_THE_TOP.differences(0.05, 8, 10)


def scores(shift: float, studies: int, draw: np.random.Generator) -> Array:
    """Return [studies, arm or base, 8 seeds, 100 tasks] of 25 queries each, near 98 %."""
    tasks, seeds = draw.normal(0, 0.5, (studies, 1, 8, 100)), draw.normal(0, 0.5, (studies, 2, 8, 1))
    seeds[:, 0] += shift
    found: Array = draw.binomial(25, expit(logit(0.98) + tasks + seeds)) / 25
    return found


def test_near_100_percent_a_pilot_without_an_effect_predicts_the_power_of_studies_with_one() -> None:
    draw = np.random.default_rng(0)
    pilot = scores(0.0, 250, draw).swapaxes(0, 1).reshape(2, -1, 100)
    noise = logit_noise([pilot[0]], [pilot[1]])
    assert noise is not None
    for shift in (1.5, -1.4):
        real = np.subtract(*scores(shift, 1500, draw).mean(3).swapaxes(0, 1))
        simulated = float((5 * sign_flip_p(real) <= 0.05).mean())
        assert 0.6 < simulated < 0.95
        assert sign_flip_power(noise, float(real.mean()), 8, 5) == pytest.approx(simulated, abs=0.05)


def test_a_pilot_of_one_seed_has_no_noise_and_tasks_that_explain_everything_leave_none_to_seeds() -> None:
    one = np.full((1, 10), 0.5)
    assert logit_noise([one], [one]) is None
    draw = np.random.default_rng(0)
    noise = logit_noise([draw.binomial(1, 0.5, (4, 100)) / 1.0], [draw.binomial(1, 0.5, (4, 100)) / 1.0])
    assert noise is not None
    assert noise.task_var == pytest.approx(2 * 0.25 / 100, rel=0.1)
    assert min(noise.base_var, noise.arm_var) < 0.01
