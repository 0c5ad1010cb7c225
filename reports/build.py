"""Write a report: the only part of this package, beside the export, that touches the disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .document import compose
from .files import write_files
from .html import to_html
from .markdown import to_markdown
from .records import RunRecord, StudyInfo
from .summary import in_order


def build_report(records: Sequence[RunRecord], info: StudyInfo, folder: Path) -> Path:
    """Write the report of a study into `folder` and return the path of its index.html.

    Beside it: report.md, figures/*.svg, and the records (runs.csv, per_task.parquet, curves.parquet, study.json), from
    which `from_files` makes the same report again, byte for byte. Raises ReportError if there are no records.
    """
    records = in_order(records)
    report = compose(records, info)
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    for figure in report.figures:
        _write(folder / "figures" / f"{figure.name}.svg", figure.standalone)
    write_files(records, info, folder)
    _write(folder / "report.md", to_markdown(report))
    _write(folder / "index.html", to_html(report))
    return folder / "index.html"


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n", errors="replace")
