"""A search's report knows what its settings were drawn from, also a report of an earlier version."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reports.data.files import read_files
from reports.document import compose
from study.cli.main import run
from study.spec.searched_space import with_space
from tests.homes import unpack

PUBLISHED = Path(__file__).parents[2] / "docs" / "results" / "paper_search"


@pytest.mark.slow
def test_the_published_search_s_whole_numbers_are_judged_as_such_also_if_its_report_does_not_record_them() -> None:
    info, runs = read_files(PUBLISHED)
    assert info.space["inner.steps"] == {"low": 1, "high": 3}
    found = with_space(replace(info, space={}))
    assert found.space == info.space
    assert found.base["inner.steps"] == "3"
    report = compose(runs, found)
    table = next(table for table in report.tables if table.title == "Parameter importance after epoch 2")
    shares = {row[0].text: row[3].sort for row in table.rows}
    assert shares["inner.steps"] == pytest.approx(0.164, abs=0.01)  # as floats it takes most of it
    assert "Over the 60 trials after epoch 2, outer.lr mattered most" in "\n".join(report.headline)


def test_a_spec_that_cannot_be_read_any_more_leaves_the_ranges_to_the_trials() -> None:
    info = replace(read_files(PUBLISHED)[0], space={}, spec="[space]\npreset = 'of another version'")
    assert with_space(info) == info


@pytest.mark.slow
def test_an_earlier_version_s_report_that_is_made_again_records_what_its_search_drew_from(tmp_path: Path) -> None:
    old = unpack(tmp_path) / "runs" / "reports" / "se"
    assert not read_files(old)[0].space
    assert run(["report", "--from", str(old), "--out", str(tmp_path / "again")]) == 0
    assert read_files(tmp_path / "again")[0].space == {
        "inner.lr": {"low": 0.01, "high": 1.0, "log": True},
        "lslr": {"choices": ["on", "off"]},
        "outer.lr": {"low": 0.0001, "high": 0.01, "log": True},
    }
