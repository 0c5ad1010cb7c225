"""Sign flips counted by hand and by scipy; Holm by hand; what a number of seeds can reach."""

import math

import numpy as np
import pytest
from scipy.stats import permutation_test

from reports.statistics.family_test import family_tests
from reports.statistics.permutation import (
    EXACT_UP_TO,
    MOST_FLIPS,
    flips_of,
    holm,
    sign_flip_p,
    smallest_p,
)


def scipys_p(values: list[float]) -> float:
    found = permutation_test((values,), np.mean, permutation_type="samples", n_resamples=np.inf, vectorized=True)
    return float(found.pvalue)


def test_of_8_ways_to_flip_3_signs_those_at_least_as_far_from_zero_are_counted() -> None:
    # 1 2 4: sums +-7 +-5 +-3 +-1; 7 is reached by 2 of 8. -1 2 4: 5 or more by 4 of 8. 1 2 -3: 0 by all.
    assert sign_flip_p([[1, 2, 4], [-1, 2, 4], [1, 2, -3]]).tolist() == [0.25, 0.5, 1.0]


def test_the_exact_p_is_scipys() -> None:
    generator = np.random.default_rng(0)
    for n in (2, 5, 8, 11):
        values = generator.normal(0.5, 1, n).tolist()
        assert float(sign_flip_p(values)) == pytest.approx(scipys_p(values), abs=1e-12)


def test_accuracies_in_hundredths_tie_whatever_their_rounding() -> None:
    values = [0.1, 0.2, -0.3 + 0.6]  # 0.30000000000000004 - as 1, 2, 3 in tenths
    assert float(sign_flip_p(values)) == float(sign_flip_p([1, 2, 3])) == 0.25
    assert float(sign_flip_p([0.1 + 0.2, -0.3, 0.05])) == float(sign_flip_p([6, -6, 1])) == 1.0
    assert float(sign_flip_p([1e-16] * 8)) == 1.0  # equal but for rounding, eight times


def test_beyond_20_pairs_random_flips_come_close_to_the_normal_p_and_are_the_same_each_time() -> None:
    values = np.random.default_rng(1).normal(0.4, 1, 40)
    z = abs(values.sum()) / math.sqrt(float((values**2).sum()))  # of the flipped sum: mean 0, this standard deviation
    normal = math.erfc(z / math.sqrt(2))
    found = float(sign_flip_p(values))
    assert found == pytest.approx(normal, abs=4 * math.sqrt(normal / MOST_FLIPS) + 0.002)
    assert found == float(sign_flip_p(values))
    assert flips_of(EXACT_UP_TO) == flips_of(EXACT_UP_TO + 1) == MOST_FLIPS == 2**19


def test_fewer_random_flips_give_nearly_the_exact_p() -> None:
    values = np.random.default_rng(2).normal(0.5, 1, (3, 14))
    assert sign_flip_p(values, most=2**12) == pytest.approx(sign_flip_p(values), abs=0.03)


def test_without_a_pair_or_with_a_value_that_is_not_finite_there_is_no_p() -> None:
    assert np.isnan(sign_flip_p(np.empty((2, 0)))).all()
    assert np.isnan(sign_flip_p([[1.0, math.nan], [1.0, 2.0]])).tolist() == [True, False]
    assert math.isnan(float(sign_flip_p([])))


@pytest.mark.parametrize(
    ("n", "p"),
    [(0, 1.0), (1, 1.0), (3, 0.25), (6, 0.03125), (8, 0.0078125), (17, 2 / 2**17), (20, 2 / 2**20), (25, 2 / 2**20)],
)
def test_the_smallest_p_is_that_of_differences_of_one_sign(n: int, p: float) -> None:
    assert smallest_p(n) == p
    if n:
        assert float(sign_flip_p(np.arange(1.0, n + 1))) == pytest.approx(p, abs=0 if n <= EXACT_UP_TO else 2 * p)


def test_more_seeds_never_reach_less() -> None:
    assert all(smallest_p(n + 1) <= smallest_p(n) for n in range(60))


def test_holm_multiplies_the_smallest_by_3_then_2_then_1_and_never_falls() -> None:
    assert holm([0.04, 0.01, 0.03]).tolist() == pytest.approx([0.06, 0.03, 0.06])
    assert holm([[0.5, 0.4], [0.01, 0.5]]).tolist() == [pytest.approx([0.8, 0.8]), pytest.approx([0.02, 0.5])]


def test_a_comparison_without_pairs_keeps_its_place_in_the_family() -> None:
    adjusted = holm([0.01, math.nan, 0.03])
    assert adjusted[[0, 2]].tolist() == pytest.approx([0.03, 0.06])
    assert math.isnan(adjusted[1])


def test_a_family_of_two_says_what_each_of_its_comparisons_could_reach() -> None:
    strong, lost = family_tests([dict.fromkeys(range(7), 0.1), {}])
    assert (strong.p, strong.adjusted, strong.holm, strong.smallest) == (2 / 128, 2 / 128, 4 / 128, 2 / 128)
    assert strong.significant
    assert strong.can_be_significant
    assert (lost.p, lost.adjusted, lost.holm, lost.smallest) == (None, None, None, 1.0)
    assert not lost.can_be_significant
    assert family_tests([]) == []
    assert [test.adjusted for test in family_tests([{}, {}])] == [None, None]


@pytest.mark.slow
def test_holm_agrees_with_statsmodels() -> None:
    from statsmodels.stats.multitest import multipletests

    rows = np.random.default_rng(0).uniform(0, 0.2, (20, 6)).round(2)  # rounding makes ties
    assert holm(rows) == pytest.approx(np.array([multipletests(row, method="holm")[1] for row in rows]))


def test_comparisons_of_unequal_length_have_the_p_that_each_would_have_alone() -> None:
    found = family_tests([{0: 1, 1: 2, 2: 4}, {0: 0.5, 2: -1}, {0: -1, 1: 2, 2: 4}, {}])
    assert [test.p for test in found] == [0.25, 1.0, 0.5, None]
    assert [test.flips for test in found] == [4, 2, 4, 1]
    assert [test.smallest for test in found] == [0.25, 0.5, 0.25, 1.0]
    assert all(test.missing for test in found)
