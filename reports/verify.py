"""Whether a report still says what its raw results say: tables made again from the files, and results against MLflow's."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from itertools import zip_longest
from pathlib import Path
from statistics import mean, stdev

from . import records as names
from .build import latex_files
from .data.files import damaged_files, read_files
from .document import compose
from .records import ReportError, RunRecord
from .render.html import to_html
from .render.markdown import to_markdown
from .statistics.summary import in_order

TOLERANCE = 1e-9
"""Between a test accuracy and the mean of its tasks: both are double precision, summed in another order."""

NOT_REACHED = {names.SECONDS, names.EPOCH_SECONDS, names.TASKS_PER_SECOND, names.WORK}
"""Metrics that say nothing of what a training reached: times, and work as a multiple of what its own study's base takes."""


@dataclass(frozen=True)
class Difference:
    """Something that is not as it should be: where, what stands there, and what should."""

    where: str
    found: str
    expected: str

    def __str__(self) -> str:
        return f"{self.where}: {self.found!r}, but it should be {self.expected!r}"


def verify_documents(folder: Path) -> list[Difference]:
    """Return where index.html, report.md and tables/*.tex in `folder` differ from what its raw results give.

    Also which raw results are no longer what was written. Raises ReportError if these cannot be read.
    """
    info, records = read_files(folder, checked=False)
    report = compose(records, info)
    documents = {"index.html": (to_html(report), _html_cells), "report.md": (to_markdown(report), _markdown_cells)}
    found = [
        Difference(str(folder), wrong, "as its manifest or its other files say") for wrong in damaged_files(folder)
    ]
    for name, (text, cells) in documents.items():
        found += _compare(name, _read(folder / name), text, cells)
    for name, content in latex_files(report).items():
        text = content.decode("utf-8")
        found += _compare(f"tables/{name}", _read(folder / "tables" / name), text, _latex_cells)
    return [*found, *_means(records)]


def verify_records(ours: Sequence[RunRecord], theirs: Sequence[RunRecord]) -> list[Difference]:
    """Return where the report's raw results differ from MLflow's."""
    found = []
    stored = {record.run_id: record for record in theirs}
    for record in in_order(ours):
        other = stored.pop(record.run_id, None)
        if other is None:
            found.append(Difference(f"run {record.name} ({record.run_id})", "in the report", "not in MLflow"))
        else:
            found += _record_differences(record, other)
    found += [Difference(f"run {r.name} ({r.run_id})", "not in the report", "in MLflow") for r in stored.values()]
    return found


def verify_repeats(ours: Sequence[RunRecord], others: Sequence[RunRecord]) -> tuple[int, list[Difference]]:
    """Return how many trainings (config, seed, data) are complete in both, and where what they reached differs, to the last bit.

    Raises ReportError if none is, as nothing was compared then.
    """
    pairs = _repeated(ours, others)
    if not pairs:
        raise ReportError("no training is complete in both reports: they must have config, seed and data in common")
    found: list[Difference] = []
    for record, other in pairs:
        for group in ("metrics", "per_task", "curves"):
            mine, theirs = getattr(record, group), getattr(other, group)
            for key in sorted((mine.keys() & theirs.keys()) - NOT_REACHED):
                found += _value_difference(f"{record.name}, {group} {key}", mine[key], theirs[key])
    return len(pairs), found


def drift(ours: Sequence[RunRecord], others: Sequence[RunRecord]) -> str:
    """Return how far apart, in points of test accuracy, the trainings ended that both have; "" if it cannot be told."""
    both = [
        (a.metrics.get(names.TEST_ACCURACY), b.metrics.get(names.TEST_ACCURACY)) for a, b in _repeated(ours, others)
    ]
    points = [100 * (theirs - mine) for mine, theirs in both if mine is not None and theirs is not None]
    if len(points) < 2:
        return ""
    return (
        f"test accuracy of the {len(points)} trainings that were repeated: there minus here {mean(points):+.2f} points on average, "
        f"standard deviation {stdev(points):.2f} (another machine or version rounds differently, and training carries that on)"
    )


def _repeated(ours: Sequence[RunRecord], others: Sequence[RunRecord]) -> list[tuple[RunRecord, RunRecord]]:
    trained = {record.cell: record for record in others if record.state == names.COMPLETE and record.cell}
    return [(r, trained[r.cell]) for r in in_order(ours) if r.state == names.COMPLETE and r.cell in trained]


def _record_differences(ours: RunRecord, theirs: RunRecord) -> Iterator[Difference]:
    where = f"run {ours.name} ({ours.run_id})"
    for field in ("state", "arm", "seed", "trial", "cell"):
        if getattr(ours, field) != getattr(theirs, field):
            yield Difference(f"{where}, {field}", str(getattr(ours, field)), str(getattr(theirs, field)))
    for group in ("params", "metrics", "per_task", "curves"):
        mine, other = getattr(ours, group), getattr(theirs, group)
        for key in sorted(mine.keys() | other.keys()):
            yield from _value_difference(f"{where}, {group} {key}", mine.get(key), other.get(key))


def _value_difference(where: str, ours: object, theirs: object) -> Iterator[Difference]:
    if not isinstance(ours, Sequence) or not isinstance(theirs, Sequence) or isinstance(ours, str):
        if repr(ours) != repr(theirs):
            yield Difference(where, _short(ours), _short(theirs))
        return
    for place, (mine, other) in enumerate(zip_longest(ours, theirs)):
        if repr(mine) != repr(other):
            yield Difference(f"{where}, number {place}", _short(mine), _short(other))


def _short(value: object) -> str:
    if value is None:
        return "absent"
    return str(value) if isinstance(value, str) or not isinstance(value, Sequence) else f"{len(value)} numbers"


def _means(records: Sequence[RunRecord]) -> Iterator[Difference]:
    """Yield the runs whose accuracy in runs.csv is not the mean of their tasks in per_task.parquet."""
    pairs = ((names.SINGLE, names.TEST_ACCURACY), (names.ENSEMBLE, names.ENSEMBLE_TEST_ACCURACY))
    for record in records:
        for which, metric in pairs:
            tasks, logged = record.per_task.get(which), record.metrics.get(metric)
            if not tasks or logged is None:
                continue
            mean = math.fsum(tasks) / len(tasks)
            if abs(mean - logged) > TOLERANCE:
                yield Difference(
                    f"runs.csv, {record.name}, {metric}", f"{logged}", f"{mean}, the mean in per_task.parquet"
                )


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


Cells = dict[str, str]
"""Place ("table 'Arms', row 2, column 3") -> text."""


def _compare(name: str, written: str, expected: str, cells: Callable[[str], Cells]) -> Iterator[Difference]:
    """Yield the cells that differ; where all cells agree and the text does not, its first other line."""
    if written == expected:
        return
    if not written:
        yield Difference(name, "missing or empty", "the tables of this report")
        return
    found, wanted = cells(written), cells(expected)
    places = [place for place in {**wanted, **found} if found.get(place) != wanted.get(place)]
    for place in places:
        yield Difference(f"{name}, {place}", found.get(place, "no such cell"), wanted.get(place, "no such cell"))
    if not places:
        lines = zip_longest(written.splitlines(), expected.splitlines(), fillvalue="")
        number, (ours, theirs) = next((n, pair) for n, pair in enumerate(lines, 1) if pair[0] != pair[1])
        yield Difference(f"{name}, line {number}", ours[:200], theirs[:200])


class _Tables(HTMLParser):
    """Collects the rows of each table under the heading before it."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[tuple[str, list[str]]] = []
        self._inside, self._title = "", ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "h3":
            self._inside, self._title = tag, ""
        elif tag == "tr":
            self.rows.append((self._title, []))
        elif tag == "td":
            self._inside = tag
            self.rows[-1][1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inside:
            self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "h3":
            self._title += data
        elif self._inside == "td":
            self.rows[-1][1][-1] += data


def _html_cells(text: str) -> Cells:
    parser = _Tables()
    parser.feed(text)
    return _numbered([(title, row) for title, row in parser.rows if row])


def _markdown_cells(text: str) -> Cells:
    title, rows, rule = "", [], False
    for line in text.splitlines():
        if line.startswith("### "):
            title, rule = line[4:], False
        elif line.startswith(("| :--", "| --:")):
            rule = True
        elif line.startswith("| ") and rule:
            rows.append((title, [_plain(cell.strip()) for cell in re.split(r"(?<!\\)\|", line)[1:-1]]))
    return _numbered(rows)


def _plain(cell: str) -> str:
    """Return a Markdown cell without its link and its bold type."""
    linked = re.sub(r"\]\(http[^)]*\)$", "", cell)
    text = linked.removeprefix("[") if linked != cell else cell
    return text.removeprefix("**").removesuffix("**")


def _latex_cells(text: str) -> Cells:
    rows = [line.removesuffix(r" \\") for line in text.splitlines() if line.endswith(r" \\")]
    return _numbered([("", re.split(r"(?<!\\)&", row)) for row in rows])


def _numbered(rows: Sequence[tuple[str, Sequence[str]]]) -> Cells:
    found: Cells = {}
    counts: dict[str, int] = {}
    for title, row in rows:
        counts[title] = counts.get(title, 0) + 1
        for column, text in enumerate(row, start=1):
            found[f"table {title!r}, row {counts[title]}, column {column}"] = text.strip()
    return found
