import math
import random

import pytest

from reports.statistics.estimate import band, differences, estimate, paired, spread, spread_ratio


def test_the_interval_of_1_2_3_is_student_t_with_2_degrees_of_freedom() -> None:
    found = estimate([1.0, 2.0, 3.0])
    half = 4.302652729749464 / math.sqrt(3)  # t(0.975, 2) * sd 1 / sqrt(3)
    assert (found.mean, found.n) == (2.0, 3)
    assert (found.low, found.high) == pytest.approx((2 - half, 2 + half), rel=1e-12)


def test_one_value_has_a_mean_and_no_interval_and_none_has_neither() -> None:
    assert (estimate([0.5]).mean, estimate([0.5]).low, estimate([0.5]).n) == (0.5, None, 1)
    assert math.isnan(estimate([]).mean)
    assert estimate([]).n == 0


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
    assert (doubled.mean, doubled.low, doubled.high) == pytest.approx((2.0, 2.0, 2.0))  # in step: nothing is unknown
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
