"""The --json output of commands that run or report a study."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reports.data.files import read_rows
from reports.records import ReportError
from reports.render.tables_json import headline_in
from reports.results import Results
from reports.tables.objects import study_object

from ..json_output import print_json
from ..reporting import results_of
from ..spec.config import StudyConfig
from ..stores.home import Home
from .outcome import INTERRUPTED


def print_study(config: StudyConfig, home: Home, status: int) -> None:
    """Print a study's results when its command ends with `status`."""
    page = home.reports / config.study.name / "index.html"
    report = page if page.is_file() and status != INTERRUPTED else None
    head = {"interrupted": status == INTERRUPTED, "exit_status": status, "report": report and str(report)}
    fresh = report if status == 0 else None  # else it may not have been written, and be an earlier one
    reached = _in_report(fresh) if fresh else _reached(config, home)
    print_json(config.command, {**head, **reached})


def _reached(config: StudyConfig, home: Home) -> dict[str, Any]:
    try:
        found = results_of(config.study.name, home)
        return _object(found, found.headline if found.records else ())
    except ReportError:  # stopped before its first run
        head = {"study": config.study.name, "kind": config.kind, "runs": {}, "reused": 0}
        return {**head, "missing": "", "headline": []}


def print_report(page: Path) -> None:
    """Print a report's contents, from its own files."""
    print_json("report", {"report": str(page), **_in_report(page)})


def _in_report(page: Path) -> dict[str, Any]:
    info, records = read_rows(page.parent)
    return _object(Results(info, tuple(records)), headline_in(page.parent))


def _object(found: Results, headline: Sequence[str]) -> dict[str, Any]:
    return {**study_object(found.info, found.records, found.summary), "headline": headline}
