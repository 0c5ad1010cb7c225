import math
import random

import pytest

from reports.statistics.estimate import (
    accuracy_estimate,
    band,
    difference_estimate,
    differences,
    estimate,
    lower_bound,
    paired,
    spread,
    spread_ratio,
)
from reports.text import interval, measured, with_interval


def test_the_interval_of_1_2_3_is_student_t_with_2_degrees_of_freedom() -> None:
    found = estimate([1.0, 2.0, 3.0])
    half = 4.302652729749464 / math.sqrt(3)  # t(0.975, 2) * sd 1 / sqrt(3)
    assert (found.mean, found.n) == (2.0, 3)
    assert (found.low, found.high) == pytest.approx((2 - half, 2 + half), rel=1e-9)


def test_one_value_has_a_mean_and_no_interval_and_none_has_neither() -> None:
    assert (estimate([0.5]).mean, estimate([0.5]).low, estimate([0.5]).n) == (0.5, None, 1)
    assert math.isnan(estimate([]).mean)
    assert estimate([]).n == 0


def test_values_that_do_not_vary_have_no_interval_whatever_their_last_digits() -> None:
    for values in ([0.3, 0.1 + 0.2], [1.0] * 8, [0.0, 1e-16]):
        for of in (estimate, accuracy_estimate, difference_estimate, spread):
            assert (of(values).low, of(values).high, of(values).n) == (None, None, len(values))
    assert with_interval(estimate([0.5] * 8)) == "50.00 (no variation, no interval), n = 8"
    assert measured(estimate([0.5] * 8)) == "50.00 % (no variation, no interval), n = 8"
    assert interval(estimate([0.5] * 8)) == "no variation, no interval"
    assert lower_bound([0.5, 0.5]) == 0.5


def test_an_accuracy_s_interval_stays_within_0_and_1_and_is_symmetric_on_the_logit_scale() -> None:
    values = [0.99, 1.0, 0.97]
    plain, found = estimate(values), accuracy_estimate(values)
    assert plain.high is not None
    assert plain.high > 1
    assert found.low is not None
    assert found.high is not None
    m = sum(values) / 3
    half = 4.302652729749464 * 0.01527525231651947 / math.sqrt(3) / (m * (1 - m))  # t(0.975, 2), sd
    centre = math.log(m / (1 - m))
    assert (found.mean, found.low, found.high) == pytest.approx(
        (m, 1 / (1 + math.exp(half - centre)), 1 / (1 + math.exp(-half - centre)))
    )
    assert 0 < found.low < m < found.high < 1
    assert accuracy_estimate([0.0, 0.001]).low == pytest.approx(0, abs=1e-8)


def test_a_difference_s_interval_ends_at_100_points() -> None:
    found = difference_estimate([0.5, 0.7])
    assert found.mean == pytest.approx(0.6)
    assert found.low == pytest.approx(0.6 - 12.706205 * 0.1)
    assert found.high == 1.0
    assert difference_estimate([0.1, 0.5]).too_few  # 0.3 -+ 2.5 is all that can be


def test_equal_accuracies_differ_by_nothing() -> None:
    arm, base = {seed: 0.1 * seed + 0.2 for seed in range(8)}, {seed: 0.1 * (seed + 2) for seed in range(8)}
    assert {type(value) for value in differences(arm, base).values()} == {float}
    assert set(differences(arm, base).values()) == {0.0}


def test_values_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="values must be finite, not nan; leave such runs out"):
        estimate([1.0, math.nan])


def test_differences_are_paired_by_seed_and_lone_seeds_are_left_out() -> None:
    arm, base = {0: 3.0, 1: 5.0, 7: 9.0}, {1: 4.0, 0: 1.0, 2: 8.0}
    assert differences(arm, base) == {0: 2.0, 1: 1.0}
    assert (paired(arm, base).mean, paired(arm, base).n) == (1.5, 2)


def test_an_interval_on_one_side_excludes_zero_and_one_pair_never_does() -> None:
    assert estimate([1.0, 1.1, 0.9]).excludes_zero
    assert not estimate([1.0, -1.0, 0.5]).excludes_zero
    assert not estimate([1.0]).excludes_zero


def test_a_band_counts_the_curves_that_reach_an_epoch() -> None:
    points = band([{1: 1.0, 2: 2.0}, {1: 3.0, 2: math.nan}])
    assert [(step, found.mean, found.n) for step, found in points] == [(1, 2.0, 2), (2, 2.0, 1)]


def test_the_spread_of_1_2_3_has_the_chi_squared_interval_with_2_degrees_of_freedom() -> None:
    found = spread([1.0, 2.0, 3.0])
    lower, upper = math.sqrt(2 / 7.377758908227871), math.sqrt(2 / 0.05063561596857975)
    assert (found.mean, found.low, found.high) == pytest.approx((1.0, lower, upper), rel=1e-9)
    assert math.isnan(spread([1.0]).mean)


def test_a_ratio_of_spreads_needs_two_pairs_and_its_interval_three() -> None:
    base = {0: 1.0, 1: 2.0, 2: 4.0}
    doubled = spread_ratio({seed: 2 * value for seed, value in base.items()}, base)
    assert doubled.mean == pytest.approx(2.0)
    assert (doubled.low, doubled.high) == (None, None)  # in step: no variation
    assert spread_ratio({0: 1.0, 1: 3.0}, base).low is None
    assert math.isnan(spread_ratio({0: 1.0}, base).mean)
    assert math.isnan(spread_ratio(base, dict.fromkeys(base, 1.0)).mean)


def test_intervals_of_spreads_cover_the_truth_in_95_of_100_studies() -> None:
    draw = random.Random(0)
    covered = [0, 0]
    for _ in range(2000):
        base = {seed: draw.gauss() for seed in range(8)}
        arm = {seed: 2 * (0.6 * value + 0.8 * draw.gauss()) for seed, value in base.items()}  # sd 2, correlated 0.6
        for place, (found, truth) in enumerate([(spread(list(arm.values())), 2.0), (spread_ratio(arm, base), 2.0)]):
            assert found.low is not None
            assert found.high is not None
            covered[place] += found.low < truth < found.high
    assert all(0.935 <= count / 2000 <= 0.965 for count in covered), covered
