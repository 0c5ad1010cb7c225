"""Power against closed forms: all signs equal, and statsmodels' noncentral t."""

import pytest
from scipy.stats import nct, norm, t

from reports.power import sign_flip_detectable, sign_flip_power, t_detectable, t_power


def test_where_only_equal_signs_count_the_power_is_the_chance_that_all_are_equal() -> None:
    # 8 seeds in a family of 5: p = 2 / 256 is enough, 4 / 256 is not.
    for difference in (0.5, 1.0, 2.0):
        chance = norm.cdf(difference) ** 8 + norm.cdf(-difference) ** 8
        assert sign_flip_power(difference, 8, 5) == pytest.approx(chance, abs=4 * (0.25 / 4000) ** 0.5)


def test_the_smallest_detectable_difference_of_that_design_has_a_closed_form() -> None:
    assert sign_flip_detectable(8, 5) == pytest.approx(norm.ppf(0.8 ** (1 / 8)), abs=0.05)


def test_a_family_that_cannot_be_significant_detects_nothing() -> None:
    assert sign_flip_detectable(7, 5) is None
    assert sign_flip_power(20.0, 7, 5) == 0


def test_the_power_of_the_t_interval_is_that_of_the_noncentral_t() -> None:
    limit, shift = t.ppf(0.975, 4), 1.5 * 5**0.5
    assert t_power(1.5, 5) == pytest.approx(nct.sf(limit, 4, shift) + nct.cdf(-limit, 4, shift), rel=1e-6)
    found = t_detectable(5)
    assert found is not None
    assert t_power(found, 5) == pytest.approx(0.8, abs=1e-6)
    assert (t_power(9.0, 1), t_detectable(1)) == (0.0, None)


def test_more_seeds_and_smaller_families_detect_smaller_differences() -> None:
    detectable = [sign_flip_detectable(seeds, size) for seeds, size in [(8, 6), (8, 1), (12, 1)]]
    values = [value for value in detectable if value is not None]
    assert values == sorted(values, reverse=True)
    assert len(set(values)) == 3
