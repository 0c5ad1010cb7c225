from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import reference
from benchmarks.__main__ import line
from benchmarks.measure import Row, compare
from benchmarks.setting import Setting


def test_flops_are_those_of_the_convolutions_counted_by_hand() -> None:
    image = 2 * 9 * (784 * 1 * 64 + (196 + 49 + 9) * 64 * 64)  # sides 28, 14, 7, 3
    assert Setting(tasks=1, steps=1, ways=2).iteration_flops() == 2 * image * (9 + 3)
    assert Setting(tasks=1, steps=1, ways=2, second_order=False).iteration_flops() == 2 * image * (3 + 3)
    assert Setting().iteration_flops() == pytest.approx(47e9, rel=0.01)


def test_a_row_says_which_mark_it_reaches() -> None:
    def row(value: float, more: bool = False) -> str:
        return Row("", value, "x", 0.8 if not more else 0.6, 0.5 if not more else 0.8, "", more_is_better=more).reached

    assert [row(0.5), row(0.8), row(0.81)] == ["aim", "must", "no"]
    assert [row(0.8, True), row(0.7, True), row(0.59, True)] == ["aim", "must", "no"]
    assert Row("", 1.0, "x", None, None, "").reached == "-"


def test_a_comparison_is_of_medians_and_its_line_shows_both() -> None:
    row = compare("work", [1.0, 3.0, 50.0], [6.0, 5.0, 7.0], 0.8, 0.5)
    assert line(row) == "| work | 0.5 x | 0.8 x | 0.5 x | aim | 3.00 s against 6.00 s | 3 |"


def test_a_folder_without_the_papers_code_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(reference.VARIABLE, raising=False)
    assert reference.checkout() is None
    monkeypatch.setenv(reference.VARIABLE, str(tmp_path))
    with pytest.raises(ValueError, match=r"there is no few_shot_learning_system\.py; name the folder that holds it"):
        reference.checkout()
