"""What pairing saved, and differences that sign flips are not valid for."""

from __future__ import annotations

import numpy as np
import pytest

from reports.records import Family, StudyInfo
from reports.statistics.pairing import looks_skewed, pairing_gain, skewness
from reports.statistics.summary import summarise_ablation
from reports.tables.ablation import details_table
from reports.tables.verdicts import skew_notes

from .example import record


def test_what_pairing_removes_is_the_covariance_by_hand() -> None:
    # Variances 1 and 4, covariance 2: unpaired 5, paired 1.
    found = pairing_gain({0: 2.0, 1: 4.0, 2: 6.0, 5: 9.0}, {0: 1.0, 1: 2.0, 2: 3.0, 7: 9.0})
    assert found is not None
    assert [found.correlation, found.removed] == pytest.approx([1.0, 0.8])
    against = pairing_gain({0: 1.0, 1: 2.0, 2: 3.0}, {0: 3.0, 1: 2.0, 2: 1.0})
    assert against is not None
    assert against.removed == pytest.approx(-1.0)
    small = pairing_gain({0: 1e-12, 1: 2e-12, 2: 3e-12}, {0: 3e-12, 1: 2e-12, 2: 1e-12}, 1e-24)
    assert small is not None
    assert small.correlation == pytest.approx(-1)
    assert pairing_gain({0: 1.0, 1: 2.0}, {0: 1.0, 1: 2.0}) is None
    assert pairing_gain({0: 1.0, 1: 1.0, 2: 1.0}, {0: 1.0, 1: 2.0, 2: 3.0}) is None


def test_skewness_by_hand_and_who_is_suspected() -> None:
    assert skewness([0.0, 0.0, 0.0, 4.0]) == pytest.approx(6 / 3**1.5)  # moments 3 and 6 about the mean 1
    assert skewness([1.0, 1.0]) == 0
    assert looks_skewed([0.0] * 11 + [1.0])
    assert not looks_skewed([0.0, 0.0, 0.0, 4.0])
    draw = np.random.default_rng(0)
    assert sum(looks_skewed(row) for row in draw.normal(size=(1000, 12)).tolist()) < 20
    assert sum(looks_skewed(row) for row in draw.exponential(size=(1000, 12)).tolist()) > 200


def test_the_report_warns_of_skewed_differences_and_says_what_pairing_saved() -> None:
    base = [0.9 + 0.002 * (seed % 5) for seed in range(12)]
    arm = [value + (0.06 if seed == 3 else 0.001 * (seed % 2)) for seed, value in enumerate(base)]
    rows = [
        record(100 * i + seed, accuracy=value, arm=name, seed=seed)
        for i, (name, values) in enumerate({"base": base, "arm": arm}.items())
        for seed, value in enumerate(values)
    ]
    found = summarise_ablation(rows, StudyInfo("s", "ablation", families=(Family("f", (("arm", "base"),)),)))
    (note,) = skew_notes(found)
    assert note.startswith("Differences that look skewed (skewness): arm against base (+3.0). The sign-flip")
    table = details_table(found)
    titles = [column.title for column in table.columns]
    assert titles[-3:] == ["Correlation", "Removed by pairing, %", "Diverged"]
    assert table.rows[0][-3].text.startswith("0.")
