"""Write a report: the only part of this package, beside the export, that touches the disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .document import compose
from .files import write_files
from .html import to_html
from .markdown import to_markdown
from .records import ReportError, RunRecord, StudyInfo
from .summary import in_order
from .svg import Figure


def build_report(records: Sequence[RunRecord], info: StudyInfo, folder: Path) -> Path:
    """Write the report of a study into `folder` and return the path of its index.html.

    Beside it: report.md, figures/*.svg, and the records (runs.csv, per_task.parquet, curves.parquet, study.json), from
    which `from_files` makes the same report again, byte for byte. Figures of an earlier report there are deleted.
    Raises ReportError if there are no records or the folder cannot be made.
    """
    records = in_order(records)
    report = compose(records, info)
    _write_figures(report.figures, folder / "figures")
    write_files(records, info, folder)
    _write(folder / "report.md", to_markdown(report))
    _write(folder / "index.html", to_html(report))
    return folder / "index.html"


def _write_figures(figures: Sequence[Figure], folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ReportError(
            f"the report's folder {folder.parent} cannot be made: {error.strerror}; name another one with --out FOLDER"
        ) from error
    drawn = {folder / f"{figure.name}.svg": figure.standalone for figure in figures}
    for stale in set(folder.glob("*.svg")) - drawn.keys():
        stale.unlink()
    for path, text in drawn.items():
        _write(path, text)


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n", errors="replace")
