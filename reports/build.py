"""Write a report: the only part of this package, beside the export, that touches the disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from .document import Report, compose
from .files import write_files
from .html import to_html
from .latex import to_latex
from .markdown import to_markdown
from .records import ReportError, RunRecord, StudyInfo
from .summary import in_order
from .svg import Figure
from .tables import EVERY_RUN


def build_report(records: Sequence[RunRecord], info: StudyInfo, folder: Path) -> Path:
    """Write the report of a study into `folder` and return the path of its index.html.

    Beside it: report.md, figures/*.svg and *.pdf, tables/*.tex, and the records (runs.csv, per_task.parquet, curves.parquet, study.json), from
    which `from_files` makes the same report again, byte for byte. Figures and
    tables of an earlier report there are deleted.
    Raises ReportError if there are no records or the folder cannot be made.
    """
    records = in_order(records)
    report = compose(records, info)
    _write_all(_figure_files(report.figures), folder / "figures", ("*.svg", "*.pdf"))
    _write_all(latex_files(report), folder / "tables", ("*.tex",))
    write_files(records, info, folder)
    _write(folder / "report.md", to_markdown(report))
    _write(folder / "index.html", to_html(report))
    return folder / "index.html"


def latex_files(report: Report) -> dict[str, bytes]:
    """Return each table as LaTeX by file name; the list of all runs is left to runs.csv."""
    found: dict[str, bytes] = {}
    for table in report.tables:
        if table.columns and table.title != EVERY_RUN:
            found.setdefault(f"{table.name}.tex", to_latex(table).encode("utf-8", "replace"))
    return found


def _figure_files(figures: Sequence[Figure]) -> dict[str, bytes]:
    drawn = {f"{figure.name}.svg": figure.standalone.encode("utf-8", "replace") for figure in figures}
    return drawn | {f"{figure.name}.pdf": figure.pdf for figure in figures}


def _write_all(files: Mapping[str, bytes], folder: Path, kinds: Sequence[str]) -> None:
    """Write `files` into `folder`; what an earlier report left there of these kinds is deleted."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ReportError(
            f"the report's folder {folder.parent} cannot be made: {error.strerror}; name another one with --out FOLDER"
        ) from error
    for stale in {path for kind in kinds for path in folder.glob(kind) if path.name not in files}:
        stale.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n", errors="replace")
