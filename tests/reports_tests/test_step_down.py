"""Step-down maxT and minP counted by hand, and against every flip written out; the published ablation in counts of
answers.
"""

import itertools
from pathlib import Path

import numpy as np
import pytest

from reports.data.loading import from_files
from reports.statistics.permutation import Array, holm, sign_flip_p
from reports.statistics.step_down import max_t, min_p

PUBLISHED = Path(__file__).parents[2] / "docs/results/ablation"


def by_definition(table: Array, tie: float = 1e-9) -> Array:
    """The oracle: all 2^n flips of `table` [n, m], the statistic of each comparison, the largest of those not yet
    passed.
    """

    def ratio(flipped: Array) -> Array:
        squares = (flipped**2).sum(0)
        found: Array = np.where(squares > 0, abs(flipped.sum(0)) / np.sqrt(np.where(squares > 0, squares, 1)), 0)
        return found

    every = np.array(
        [ratio(np.array(signs)[:, None] * table) for signs in itertools.product((1, -1), repeat=len(table))]
    )
    order = np.argsort(-every[0], kind="stable")
    p, running = np.empty(len(order)), 0.0
    for place, column in enumerate(order):
        reached = every[:, order[place:]].max(1) >= every[0, column] * (1 - tie)
        running = max(running, float(reached.mean()))
        p[column] = running
    return p


def test_of_3_seeds_the_flips_of_two_comparisons_are_counted_by_hand() -> None:
    # Flips +++ ++- +-+ +--: |1 2 4| sums to 7 1 3 5, |-1 2 4| to 5 3 1 7, largest 7 3 3 7. 7 is reached by 2 of 4;
    # alone 5 by 2 of 4.
    assert max_t([[1, 2, 4], [-1, 2, 4]]).tolist() == [0.5, 0.5]
    # The same noise twice costs nothing: 7 is reached by 1 of 4, where Holm says 0.5.
    assert max_t([[1, 2, 4], [2, 4, 8]]).tolist() == [0.25, 0.25]
    assert holm(sign_flip_p([[1, 2, 4], [2, 4, 8]])).tolist() == [0.5, 0.5]
    # A comparison without a difference has the statistic 0, which every flip reaches, and takes nothing from the other.
    assert max_t([[0, 0, 0], [1, 2, 4]]).tolist() == [1.0, 0.25]


def test_of_3_seeds_one_missing_the_smallest_p_of_each_flip_is_counted_by_hand() -> None:
    # Own p in quarters: +++ 1 and 2, +-+ 3 and 4, ++- 4 and 2, +-- 2 and 4; the smallest 1 3 2 2. The first is reached
    # by 1 of 4, alone 2 by 2.
    assert min_p([[1.0, 2.0, 4.0], [1.0, 2.0, np.nan]]).tolist() == [0.25, 0.5]
    found = min_p([[1.0, 2.0, 4.0], [np.nan] * 3])
    assert found[0] == 0.25
    assert np.isnan(found[1])


@pytest.mark.parametrize("seed", range(60))
def test_it_is_the_oracle_on_random_differences_and_on_counts_with_ties(seed: int) -> None:
    draw = np.random.default_rng(seed)
    n, m = draw.integers(1, 9), draw.integers(1, 7)
    table = draw.integers(-3, 8, (n, m)) / 600 if seed % 2 else draw.normal(0.7, 1, (n, m))
    assert max_t(table.T).tolist() == by_definition(table).tolist()


def test_many_families_at_once_have_each_its_own_p() -> None:
    tables = np.random.default_rng(1).normal(0.5, 1, (7, 4, 6))
    assert max_t(tables) == pytest.approx(np.array([max_t(table) for table in tables]))


def test_rounding_in_the_last_digit_decides_nothing() -> None:
    counts = np.array([[1, -2, 3, 1], [2, 2, -1, 4]])
    assert max_t(counts / 600).tolist() == max_t(counts / 600 + [[1e-16], [-2e-16]]).tolist() == max_t(counts).tolist()
    assert max_t(np.full((2, 8), 1e-16)).tolist() == [1.0, 1.0]


def test_complete_seeds_and_min_p_agree_where_nothing_ties() -> None:
    table = np.abs(np.random.default_rng(3).normal(2, 1, (3, 7)))  # all of one sign: each has the smallest p
    assert min_p(table).tolist() == max_t(table).tolist() == [2 / 2**7] * 3


def test_moderated_a_difference_that_is_small_but_even_no_longer_stands_out() -> None:
    # sum d^2 is 27, 0.03 and 6, the median 6. Moderated the third has 2 / sqrt 12, which its flips reach 3 of 4 times,
    # the second 0.3 / sqrt 6.03.
    table = [[3.0, 3.0, 3.0], [0.1, 0.1, 0.1], [1.0, -1.0, 2.0]]
    assert max_t(table).tolist() == [0.25, 0.25, 0.75]
    assert max_t(table, moderated=True).tolist() == [0.25, 0.75, 0.75]


def test_20_seeds_are_exact_and_more_are_close_to_that() -> None:
    table = np.random.default_rng(4).normal(0.5, 1, (3, 20))
    exact, drawn = max_t(table), max_t(table, most=2**14)
    assert (exact * 2**19 == np.round(exact * 2**19)).all()
    assert drawn == pytest.approx(exact, abs=0.02)


def test_the_published_ablation_finds_lslr_and_ca_in_both_families_and_over_all_eleven() -> None:
    info, records = from_files(PUBLISHED)
    counts = {(r.arm, r.seed): round(3000 * r.metrics["test_accuracy"]) for r in records}  # 600 tasks of 5 queries
    tables = {
        family.name: np.array([[counts[a, s] - counts[b, s] for s in range(8)] for a, b in family.comparisons])
        for family in info.families
    }
    for table in tables.values():
        assert max_t(table).tolist() == by_definition(table.T.astype(float)).tolist()
    leave, add = (
        dict(zip(("MSL", "DA", "LSLR", "CA", "BNWB"), max_t(tables[name]).tolist(), strict=True))
        for name in ("leave one out", "add one in")
    )
    assert (leave["LSLR"], leave["CA"], leave["DA"], add["LSLR"], add["CA"]) == (
        2 / 256,
        2 / 256,
        4 / 256,
        2 / 256,
        2 / 256,
    )
    every = max_t(np.concatenate(list(tables.values())))
    assert [int(p * 256) for p in every[[2, 3, 7, 8]]] == [2, 2, 2, 2]
