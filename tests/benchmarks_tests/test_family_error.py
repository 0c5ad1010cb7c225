"""The simulated families: a row of few studies, and the limit that is kept where sign flips are valid."""

from benchmarks.family_error import FamilyError, broken, family_powers, line, near_the_ceiling, two_bases


def test_max_t_finds_what_holm_cannot() -> None:
    rows = {(row.size, row.seeds): row for row in family_powers(200)}
    assert rows[11, 8].holm == 0.0  # 11 * 2 / 2^8 is above 0.05
    assert rows[11, 8].max_t > 75
    assert rows[11, 6].moderated > rows[11, 6].max_t


def test_a_row_breaks_the_limit_only_beyond_doubt_and_where_the_test_is_valid() -> None:
    def row(noise: str, error: float) -> FamilyError:
        return FamilyError(noise, 5, 8, error, 5.0, 3.0, 5.0)

    assert broken(row("normal", 5.9), 10_000) == []  # lower 99 % bound 5.4 %
    assert broken(row("normal", 6.2), 10_000) == [
        "normal, 5 comparisons, 8 seeds: any false positive in 6.2 % (no effect)"
    ]
    assert broken(row("skewed differences (invalid)", 25.0), 10_000) == []
    assert line(row("normal", 5.9)) == "| normal | 5 | 8 | 5.9 | 5.0 | 3.0 | 5.0 |"


def test_the_noises_are_what_they_are_called() -> None:
    import numpy as np

    values = near_the_ceiling(np.random.default_rng(0), 2000, 2, 3)
    assert abs(values.mean()) < 0.001
    assert abs(np.corrcoef(values[:, 0].ravel(), values[:, 1].ravel())[0, 1] - 0.5) < 0.1
    bases = two_bases(np.random.default_rng(0), 2000, 4, 3)
    assert abs(bases[:, 2:].var() / bases[:, :2].var() - 9) < 1
