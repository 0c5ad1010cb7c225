import pytest

from reports.statistics.expected_best import expected_best


def test_the_expected_best_of_one_is_the_mean_and_of_two_weighs_the_larger_with_three_quarters() -> None:
    found = expected_best([0.4, 0.8])
    assert found.trials == (1, 2)
    assert found.mean == pytest.approx((0.6, 0.7))  # of (a, a), (a, b), (b, a), (b, b) the best is b in three
    assert all(low <= mean <= high for low, mean, high in zip(found.low, found.mean, found.high, strict=True))


def test_equal_values_have_no_band() -> None:
    found = expected_best([0.5] * 4)
    assert found.low == pytest.approx(found.high)
