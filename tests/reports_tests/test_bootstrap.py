"""The hierarchical bootstrap and the split of noise, against scipy, statsmodels and pencil."""

import math

import numpy as np
import pytest
from scipy.stats import bootstrap

from reports.statistics.bootstrap import hierarchical_interval
from reports.statistics.noise import noise_split


def test_with_one_task_a_seed_it_is_scipys_bca_over_seeds() -> None:
    values = np.random.default_rng(3).exponential(1, 12)  # skewed: bias and acceleration count
    theirs = bootstrap((values,), np.mean, n_resamples=20_000, method="BCa", rng=1).confidence_interval
    low, high = hierarchical_interval(values[:, None]).tolist()
    spread = theirs.high - theirs.low
    assert low == pytest.approx(theirs.low, abs=0.04 * spread)
    assert high == pytest.approx(theirs.high, abs=0.04 * spread)


def test_its_draws_have_the_variance_of_seeds_and_tasks_together() -> None:
    generator = np.random.default_rng(4)
    values = generator.normal(0, 1, (30, 1)) + generator.normal(0, 5, (30, 40))
    means = values.mean(1)
    # Of the mean of n drawn seeds: variance of their means / n, plus that of tasks drawn within them / (n m).
    variance = means.var() / 30 + values.var(axis=1).mean() / (30 * 40)
    low, high = hierarchical_interval(values).tolist()
    assert (high - low) / (2 * 1.96) == pytest.approx(math.sqrt(variance), rel=0.08)


def test_differences_that_do_not_vary_have_an_interval_without_length() -> None:
    assert hierarchical_interval(np.full((3, 4), 0.25)).tolist() == pytest.approx([0.25, 0.25], abs=1e-15)


def test_studies_side_by_side_have_the_intervals_that_each_has_alone() -> None:
    values = np.random.default_rng(5).normal(size=(3, 4, 6))
    assert np.allclose(hierarchical_interval(values), [hierarchical_interval(one) for one in values], atol=1e-12)


def test_one_seed_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2 seeds to draw from, not 1; train more seeds"):
        hierarchical_interval([[1.0, 2.0]])


def test_the_split_is_the_one_way_analysis_of_variance() -> None:
    found = noise_split([[0.0, 2.0], [4.0, 6.0], [8.0, 10.0]])
    # Within: 2 in each seed. Means 1, 5, 9: variance 16 = seeds + 2 / 2, so seeds 15.
    assert found is not None
    assert [found.task_sd**2, found.seed_sd**2] == pytest.approx([2, 15])
    assert found.share == pytest.approx(15 / 16)
    assert found.sd_with(2) == pytest.approx(4)
    assert found.sd_with(1) == pytest.approx(math.sqrt(17))
    # F = 16; F(0.975; 2, 3) = 16.044, F(0.025; 2, 3) = 1 / 39.165 (tables)
    assert [found.low, found.high] == pytest.approx([0.0, 1 - 1 / 39.165 / 16], rel=1e-4)


def test_a_share_of_zero_or_one_is_found_and_its_interval_holds_the_truth() -> None:
    generator = np.random.default_rng(6)
    tasks_only = noise_split(generator.normal(0, 1, (20, 200)))
    seeds_only = noise_split(generator.normal(0, 1, (20, 1)) + generator.normal(0, 0.001, (20, 200)))
    assert tasks_only is not None
    assert seeds_only is not None
    assert tasks_only.low == 0 <= tasks_only.share < 0.6
    assert seeds_only.share > 0.999


def test_no_split_without_two_seeds_two_tasks_or_any_noise_within_seeds() -> None:
    assert noise_split([[1.0, 2.0]]) is None
    assert noise_split([[1.0], [2.0]]) is None
    assert noise_split([[1.0, 1.0], [2.0, 2.0]]) is None


def test_values_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="differences must be finite"):
        noise_split([[1.0, math.inf], [1.0, 2.0]])
