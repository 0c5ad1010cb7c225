"""The --json output of commands that run or report a study."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reports.data.files import read_rows
from reports.records import ReportError
from reports.tables.objects import study_object

from ..json_output import print_json
from ..looks import looked
from ..results import load
from ..spec.config import StudyConfig
from ..stores.home import Home
from .outcome import INTERRUPTED


def print_study(config: StudyConfig, home: Home, status: int) -> None:
    """Print a study's results when its command ends with `status`."""
    page = home.reports / config.study.name / "index.html"
    report = page if page.is_file() and status != INTERRUPTED else None
    head = {"interrupted": status == INTERRUPTED, "exit_status": status, "report": report and str(report)}
    reached = study_object(*read_rows(report.parent)) if report else _reached(config, home)
    print_json(config.command, {**head, **reached})


def _reached(config: StudyConfig, home: Home) -> dict[str, Any]:
    try:
        info, records = load(config.study.name, home)
    except ReportError:  # stopped before its first run
        return {"study": config.study.name, "kind": config.kind, "runs": {}, "reused": 0, "missing": ""}
    return study_object(looked(info, records, home), records)


def print_report(page: Path) -> None:
    """Print a report's contents, from its own files."""
    info, records = read_rows(page.parent)
    print_json("report", {"report": str(page), **study_object(info, records)})
