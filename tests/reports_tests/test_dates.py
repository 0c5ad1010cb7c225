from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from reports.document import compose
from reports.render.markdown import to_markdown
from reports.tables.dates import days, period

from . import example

NOON = 1_700_049_600.0
"""2023-11-15 12:00 UTC."""


@pytest.fixture(params=["UTC", "Pacific/Auckland"], autouse=True)
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A report is the same wherever it is made."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_the_dates_of_runs_are_their_first_start_and_last_end() -> None:
    runs = [example.record(n, started_at=NOON + 60 * n, ended_at=NOON + 600) for n in range(3)]
    assert (days(runs), period(runs)) == ("2023-11-15", "2023-11-15 12:00 to 12:10 UTC")
    late = example.record(3, started_at=NOON, ended_at=NOON + 86_400)
    assert days([*runs, late]) == "2023-11-15 to 2023-11-16"
    assert period([*runs, late]) == "2023-11-15 12:00 to 2023-11-16 12:00 UTC"


@pytest.mark.parametrize("when", [None, float("nan"), float("inf"), -1.0, 1e300])
def test_what_is_no_time_has_no_date(when: float | None) -> None:
    runs = [example.record(0, started_at=when, ended_at=when)]
    assert (days(runs), period(runs)) == ("", "")


def test_a_report_says_when_its_runs_were_trained() -> None:
    page = to_markdown(compose(example.ablation(), example.ABLATION))
    assert "; 20 of 21 runs complete, 1 diverged (2001-09-09)." in page
    assert "| Dates | 2001-09-09 01:46 to 01:48 UTC |" in page
