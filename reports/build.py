"""Write a report into a folder."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from .data.files import STUDY, read_files, read_rows, write_files
from .data.manifest import MANIFEST, REPORT, read_manifest
from .data.output_folder import Contents, refuse_foreign, writing_into
from .document import Report, compose
from .figures.style import Figure
from .records import ReportError, RunRecord, StudyInfo
from .render.html import to_html
from .render.latex import to_latex
from .render.markdown import to_markdown
from .render.tables_json import TABLES, to_json
from .statistics.summary import Ablation, Search, in_order
from .tables.cells import EVERY_RUN


def build_report(
    records: Sequence[RunRecord], info: StudyInfo, folder: Path, summary: Ablation | Search | None = None
) -> Path:
    """Write the report of a study into `folder` and return the path of its index.html; `summary` as for `compose`.

    Beside it: report.md, tables.json, figures/*.svg and *.pdf, tables/*.tex, and the records (runs.csv,
        per_task.parquet, curves.parquet, study.json), from
    which `from_files` makes the same report again, byte for byte; and manifest.json, which lists them. An earlier
    report of the study is replaced; files that it did not write stay. The folder's old contents stay intact until the
    whole new report is on disk. Raises ReportError if there are no records, or the folder holds something else or
    cannot be written.
    """
    records = in_order(records)
    report = compose(records, info, summary)
    refuse_others(folder, records, info)
    with writing_into(folder, _contents(info)) as place:
        _write_all(_files(report), place)
        write_files(records, info, place)
    return folder / "index.html"


def _contents(info: StudyInfo) -> Contents:
    return Contents(REPORT, info.name, _earlier_study, _earlier_files)


def _earlier_study(folder: Path) -> str | None:
    """Return the study of a report without a manifest (made by an earlier version); None if it is no report."""
    if (folder / STUDY).is_file():
        with suppress(ReportError):
            return read_rows(folder)[0].name
    return None


def _earlier_files(folder: Path, names: Collection[str]) -> set[str]:
    """Return `names` and the file names that the report there would have if it were written now."""
    with suppress(ReportError):
        info, records = read_files(folder, checked=False)
        return {*names, *_files(compose(in_order(records), info))}
    return {*names}


def report_files(folder: Path) -> list[str]:
    """Return the names of a report's own files in its folder, the manifest among them."""
    manifest = read_manifest(folder)
    return [*manifest.files, MANIFEST] if manifest else []


def refuse_others(folder: Path, records: Sequence[RunRecord], info: StudyInfo) -> None:
    """Raise ReportError if `folder` holds a report of other runs: their results may exist nowhere else."""
    if not folder.exists():
        return
    refuse_foreign(folder, _contents(info))
    try:
        there = {record.run_id for record in read_rows(folder)[1]}
    except ReportError:
        return  # no results, or unreadable ones
    if there and not there & {record.run_id for record in records}:
        raise ReportError(
            f'{folder} holds the results of {len(there)} other runs of a study "{info.name}"; name another one with'
            " --out FOLDER"
        )


def _files(report: Report) -> dict[str, bytes]:
    """Return the documents, figures and tables of a report by their path in its folder."""
    tables = {f"tables/{name}": content for name, content in latex_files(report).items()}
    figures = {f"figures/{name}": content for name, content in _figure_files(report.figures).items()}
    return {**figures, **tables, **page_files(report)}


def page_files(report: Report) -> dict[str, bytes]:
    """Return the pages of a report, and its tables as JSON, by file name."""
    pages = {"report.md": to_markdown(report), "index.html": to_html(report), TABLES: to_json(report)}
    return {name: text.encode("utf-8", "replace") for name, text in pages.items()}


def latex_files(report: Report) -> dict[str, bytes]:
    """Return each table as LaTeX by file name; the list of all runs is left to runs.csv."""
    found: dict[str, bytes] = {}
    for table in report.tables:
        if table.columns and table.title != EVERY_RUN:
            text = to_latex(table).encode("utf-8", "replace")
            name, number = table.name, 1
            while found.get(f"{name}.tex", text) != text:  # another table of the same name
                number += 1
                name = f"{table.name}-{number}"
            found[f"{name}.tex"] = text
    return found


def _figure_files(figures: Sequence[Figure]) -> dict[str, bytes]:
    drawn = {f"{figure.name}.svg": figure.standalone.encode("utf-8", "replace") for figure in figures}
    return drawn | {f"{figure.name}.pdf": figure.pdf for figure in figures}


def _write_all(files: Mapping[str, bytes], folder: Path) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
