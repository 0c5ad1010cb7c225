"""A run's name is data, in a spreadsheet too."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from reports.data.files import read_rows, write_files
from reports.data.spreadsheets import with_apostrophe, without_apostrophe
from reports.records import StudyInfo

from .example import record


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("@sum", "'@sum"),
        ("-x", "'-x"),
        ("'=a", "''=a"),
        ("\t=a", "'\t=a"),
        ("-0.5", "-0.5"),
        ("+1e-3", "+1e-3"),
        ("'quoted'", "'quoted'"),
        ("a=b", "a=b"),
        ("", ""),
    ],
)
def test_formulas_are_made_texts_and_read_as_they_were(text: str, cell: str) -> None:
    assert with_apostrophe(text) == cell
    assert without_apostrophe(cell) == text


def test_an_arm_that_is_a_formula_is_none_in_runs_csv_and_comes_back(tmp_path: Path) -> None:
    arm = '=HYPERLINK("http://example.org")'
    one = replace(record(0, "complete"), arm=arm, params={"outer.lr": "-inf", "note": "@x"})
    write_files([one], StudyInfo("s", "ablation", "1"), tmp_path)
    (row,) = csv.DictReader((tmp_path / "runs.csv").read_text(encoding="utf-8").splitlines())
    assert (row["arm"], row["param:outer.lr"], row["param:note"]) == (f"'{arm}", "-inf", "'@x")
    (_, (back,)) = read_rows(tmp_path)
    assert (back.arm, back.params) == (arm, one.params)
