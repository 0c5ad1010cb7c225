"""Power against closed forms (all signs equal, the noncentral t), and against studies that are simulated task by
task.
"""

import numpy as np
import pytest
from scipy.special import expit, logit
from scipy.stats import nct, norm, t

from reports.statistics.declared_test import declared_test, large_effect_power, null_studies, seeds_needed
from reports.statistics.noise_model import LogitNoise, NormalNoise, logit_noise
from reports.statistics.permutation import Array
from reports.statistics.power import declared_detectable, declared_power, t_detectable, t_power
from reports.statistics.step_down import max_t

UNIT = NormalNoise(1.0)
NEAR_THE_TOP = LogitNoise(
    base=float(logit(0.98)), base_var=0.28, arm_var=0.28, covariance=0.0, task_var=2e-5, spread=0.0236
)
ERROR = 4 * (0.25 / 4000) ** 0.5
"""Four standard errors of a share of 4,000 studies."""
ERROR_OF_TESTS = 4 * (0.25 / 2000) ** 0.5


def test_alone_with_6_seeds_only_equal_signs_count_so_the_power_is_the_chance_that_all_are_equal() -> None:
    # 6 seeds: p = 2 / 64 is enough, 4 / 64 is not.
    for difference in (0.5, 1.0, 2.0):
        chance = norm.cdf(difference) ** 6 + norm.cdf(-difference) ** 6
        found = declared_power(UNIT, difference, declared_test(1, 6))
        assert found == pytest.approx(chance, abs=ERROR_OF_TESTS)
    assert large_effect_power(declared_test(1, 6)) == pytest.approx(norm.cdf(2.0) ** 6, abs=ERROR_OF_TESTS)


def test_the_smallest_detectable_difference_of_that_design_has_a_closed_form() -> None:
    alone = declared_test(1, 6)
    assert declared_detectable(UNIT, alone) == pytest.approx(norm.ppf(0.8 ** (1 / 6)), abs=0.1)
    assert declared_detectable(NormalNoise(0.02), alone) == pytest.approx(0.02 * norm.ppf(0.8 ** (1 / 6)), abs=0.002)


def test_without_noise_every_difference_is_detected_if_any_can_be() -> None:
    still = NormalNoise(0.0)
    assert t_detectable(still, 2) == 0.0
    assert t_detectable(still, 1) is None
    assert declared_detectable(still, declared_test(1, 6)) == 0.0
    assert declared_detectable(still, declared_test(1, 5)) is None


def test_a_family_with_5_seeds_cannot_decide_and_detects_nothing_however_large_it_is() -> None:
    for size in (1, 5):
        assert declared_detectable(UNIT, declared_test(size, 5)) is None
        assert declared_power(UNIT, 20.0, declared_test(size, 5)) == 0 == large_effect_power(declared_test(size, 5))


def test_power_falls_with_the_size_of_a_family_and_rises_with_its_seeds() -> None:
    sizes = [large_effect_power(declared_test(size, 6)) for size in (1, 5, 11, 40)]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == 4
    assert sizes[1:3] == [pytest.approx(0.55, abs=0.05), pytest.approx(0.37, abs=0.05)]  # of an independent simulation
    assert [seeds_needed(size) for size in (1, 5, 11)] == [6, 7, 8]
    assert seeds_needed(11, moderated=True) == 6
    assert seeds_needed(1639) == seeds_needed(40) + 1


def test_drawn_families_share_their_base_and_the_first_has_the_effect() -> None:
    for noise in (UNIT, NEAR_THE_TOP):
        drawn = noise.family(0.01, 8, 2000, 3)
        means = drawn.mean((0, 2))
        assert means.tolist() == [pytest.approx(true, abs=4 * drawn.std() / 16000**0.5) for true in (0.01, 0, 0)]
        between: Array = np.asarray(np.corrcoef(drawn.swapaxes(0, 1).reshape(3, -1)))
        assert between[1, 2] == pytest.approx(0.5, abs=0.06)
    assert null_studies(3, 8, 10).shape == (10, 3, 8)


def test_the_power_of_the_t_interval_is_that_of_the_noncentral_t() -> None:
    limit, shift = t.ppf(0.975, 4), 1.5 * 5**0.5
    assert t_power(UNIT, 1.5, 5) == pytest.approx(nct.sf(limit, 4, shift) + nct.cdf(-limit, 4, shift), abs=ERROR)
    found = t_detectable(UNIT, 5)
    assert found is not None
    assert nct.sf(limit, 4, found * 5**0.5) == pytest.approx(0.8, abs=ERROR)
    assert (t_power(UNIT, 9.0, 1), t_detectable(UNIT, 1)) == (0.0, None)


def test_more_seeds_and_smaller_families_detect_smaller_differences() -> None:
    detectable = [declared_detectable(UNIT, declared_test(size, seeds)) for seeds, size in [(8, 6), (8, 1), (12, 1)]]
    values = [value for value in detectable if value is not None]
    assert values == sorted(values, reverse=True)
    assert len(set(values)) == 3


def test_drawn_studies_have_the_wanted_difference_and_never_leave_the_accuracies() -> None:
    for true in (-0.05, 0.0, 0.01):
        drawn = NEAR_THE_TOP.differences(true, 8, 4000)
        assert drawn.mean() == pytest.approx(true, abs=4 * drawn.std() / 32000**0.5)
    with pytest.raises(
        ValueError, match=r"true must lie between -0\.97.* and 0\.02.*, not 0\.05: accuracies end at 0 and 1"
    ):
        NEAR_THE_TOP.differences(0.05, 8, 10)


def scores(shift: float, studies: int, draw: np.random.Generator, arms: int = 1) -> Array:
    """Return [studies, arms and base last, 8 seeds, 100 tasks] of 25 queries each, near 98 %."""
    tasks, seeds = draw.normal(0, 0.5, (studies, 1, 8, 100)), draw.normal(0, 0.5, (studies, arms + 1, 8, 1))
    seeds[:, 0] += shift
    found: Array = draw.binomial(25, expit(logit(0.98) + tasks + seeds)) / 25
    return found


def test_near_100_percent_a_pilot_without_an_effect_predicts_the_power_of_studies_with_one() -> None:
    draw = np.random.default_rng(0)
    pilot = scores(0.0, 250, draw).swapaxes(0, 1).reshape(2, -1, 100)
    noise = logit_noise([pilot[0]], [pilot[1]])
    assert noise is not None
    for shift in (1.3, -1.2):
        means = scores(shift, 800, draw, arms=5).mean(3)
        real = means[:, :5] - means[:, 5:]
        simulated = float((max_t(real)[:, 0] <= 0.05).mean())
        assert 0.6 < simulated < 0.95
        predicted = declared_power(noise, float(real[:, 0].mean()), declared_test(5, 8))
        assert predicted == pytest.approx(simulated, abs=0.06)


def test_a_pilot_of_one_seed_has_no_noise_and_tasks_that_explain_everything_leave_none_to_seeds() -> None:
    one = np.full((1, 10), 0.5)
    assert logit_noise([one], [one]) is None
    draw = np.random.default_rng(0)
    noise = logit_noise([draw.binomial(1, 0.5, (4, 100)) / 1.0], [draw.binomial(1, 0.5, (4, 100)) / 1.0])
    assert noise is not None
    assert noise.task_var == pytest.approx(2 * 0.25 / 100, rel=0.1)
    assert min(noise.base_var, noise.arm_var) < 0.01
