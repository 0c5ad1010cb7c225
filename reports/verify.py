"""Verifies a report: its tables against its raw results, and those against MLflow."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from shlex import quote
from statistics import mean, stdev
from typing import Any

from . import records as names
from .build import latex_files, page_files
from .data.files import damaged_files, read_files
from .document import Report, compose
from .records import ReportError, RunRecord
from .render.markdown import to_markdown
from .render.tables_json import TABLES, made_with, to_json
from .statistics.summary import in_order

TOLERANCE = 1e-9
"""Tolerance between a test accuracy and the mean of its tasks (summed in another order)."""

NOT_REACHED = {names.SECONDS, names.EPOCH_SECONDS, names.TASKS_PER_SECOND, names.COMPUTE}
"""Metrics not compared between repeats: times, and compute relative to the study's own base."""


@dataclass(frozen=True)
class Difference:
    """A mismatch: where, the value found, and the expected one."""

    where: str
    found: str
    expected: str

    def __str__(self) -> str:
        return f"{self.where}: {self.found!r}, but it should be {self.expected!r}"


def verify_documents(folder: Path, *, pages: bool = True) -> list[Difference]:
    """Return where the report in `folder` differs from its raw results: each value of its tables, then its pages.

    Changed files are reported too. Pages are compared byte by byte, drawings aside, and only if they were made with the
    package releases installed here (`pages_note`). Likewise importances by random forest, whose values differ between
    releases of scikit-learn. Without `pages`, nothing is drawn. Raises ReportError if the raw results cannot be read.
    """
    info, records = read_files(folder, checked=False)
    report = compose(records, info)
    found = [
        Difference(str(folder), wrong, "as its manifest or its other files say")
        for wrong in damaged_files(folder, None)
    ]
    if not (folder / TABLES).is_file():
        found += _earlier_differences(folder / "report.md", to_markdown(report))
    else:
        differences = _table_differences(_read(folder / TABLES), to_json(report))
        other = "scikit-learn" in _other_releases(folder)
        found += [one for one in differences if not (other and _is_of_a_forest(one))]
        found += _page_differences(folder, report) if pages and not pages_note(folder) else ()
    return [*found, *_means(records)]


def pages_note(folder: Path) -> str:
    """Return why the pages of the report in `folder` are not compared byte by byte; empty if they are."""
    if not (folder / TABLES).is_file():
        again = f"`mamlab report --from {quote(str(folder))} --out {quote(str(folder))}` makes it again"
        return (
            f"it was made by an earlier version, without {TABLES}, and only the accuracies in its report.md were"
            f" compared: {again}"
        )
    other, here = _other_releases(folder), made_with()
    what = "pages and importances by random forest" if "scikit-learn" in other else "pages"
    made = ", ".join(f"{package} {release} (here {here[package]})" for package, release in other.items())
    return f"its {what} were not compared, because they were made with {made}" if other else ""


def _other_releases(folder: Path) -> dict[str, str]:
    """Return the packages that a report was made with in another release than the installed one, and their releases."""
    then: dict[str, str] = {}
    with suppress(AttributeError, KeyError, TypeError, ValueError):
        then = dict(json.loads(_read(folder / TABLES))["made_with"])
    return {package: then.get(package, "?") for package, release in made_with().items() if then.get(package) != release}


def _is_of_a_forest(one: Difference) -> bool:
    """Return whether a difference is in a table of importances, or in a headline sentence about them."""
    in_table = re.search(r"table '(Parameter importance|Settings of )", one.where)
    return bool(in_table) or ("sentence " in one.where and "forest" in one.found and "forest" in one.expected)


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
    """Return how many trainings (config, seed, data) are complete in both, and every difference of their results, to
    the last bit.

    Raises ReportError if none is.
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
    """Return the difference in test accuracy, in points, of the trainings that both have; "" if unknown."""
    both = [
        (a.metrics.get(names.TEST_ACCURACY), b.metrics.get(names.TEST_ACCURACY)) for a, b in _repeated(ours, others)
    ]
    points = [100 * (theirs - mine) for mine, theirs in both if mine is not None and theirs is not None]
    if len(points) < 2:
        return ""
    return (
        f"test accuracy of the {len(points)} trainings that were repeated: there minus here {mean(points):+.2f} points"
        f" on average, standard deviation {stdev(points):.2f} (another machine or version rounds differently, and"
        " training amplifies that)"
    )


def _repeated(ours: Sequence[RunRecord], others: Sequence[RunRecord]) -> list[tuple[RunRecord, RunRecord]]:
    trained = {record.fingerprint: record for record in others if record.state == names.COMPLETE and record.fingerprint}
    return [
        (r, trained[r.fingerprint]) for r in in_order(ours) if r.state == names.COMPLETE and r.fingerprint in trained
    ]


def _record_differences(ours: RunRecord, theirs: RunRecord) -> Iterator[Difference]:
    where = f"run {ours.name} ({ours.run_id})"
    for field in ("state", "arm", "seed", "trial", "fingerprint"):
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


INTERVAL = re.compile(r"\[[^\]]*\]")
ACCURACY = re.compile(r"\d+\.\d\d\b")
DRAWING = re.compile("<svg.*?</svg>", re.DOTALL)
Cells = dict[str, tuple[object, str]]
"""Place ("table 'Arms', row 2, column 3 (n)") -> value and text."""
ABSENT = (None, "no such cell")


def _table_differences(written: str, expected: str) -> Iterator[Difference]:
    """Yield where two tables.json differ in a value by more than rounding, or in a text."""
    try:
        found = _cells(json.loads(written))
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        yield Difference(TABLES, f"not the tables of a report ({error!r})", "what `mamlab report` writes")
        return
    wanted = _cells(json.loads(expected))
    for place in {**wanted, **found}:
        (value, text), (other, right) = found.get(place, ABSENT), wanted.get(place, ABSENT)
        if text != right:
            yield Difference(f"{TABLES}, {place}", text, right)
        elif not _close(value, other):
            yield Difference(f"{TABLES}, {place}", str(value), str(other))


def _cells(tree: Mapping[str, Any]) -> Cells:
    found: Cells = {f"sentence {n}": (None, str(text)) for n, text in enumerate(tree["headline"], 1)}
    for table in tree["tables"]:
        for n, row in enumerate(zip(table["values"], table["texts"], strict=True), 1):
            for m, (title, value, text) in enumerate(zip(table["columns"], *row, strict=True), 1):
                found[f"table {table['title']!r}, row {n}, column {m} ({title})"] = (value, str(text))
    return found


def _close(value: object, other: object) -> bool:
    if isinstance(value, int | float) and isinstance(other, int | float):
        return math.isclose(value, other, rel_tol=TOLERANCE, abs_tol=1e-12)
    return value == other


def _page_differences(folder: Path, report: Report) -> Iterator[Difference]:
    """Yield the first different line of each page and LaTeX table, drawings aside (they differ between processors)."""
    files = page_files(report) | {f"tables/{name}": content for name, content in latex_files(report).items()}
    for name in sorted(files.keys() - {TABLES}):
        pages = [DRAWING.sub("", text).splitlines() for text in (_read(folder / name), files[name].decode())]
        for number, (ours, theirs) in enumerate(zip_longest(*pages, fillvalue=""), 1):
            if ours != theirs:
                yield Difference(f"{name}, line {number}", ours[:200], theirs[:200])
                break


def _earlier_differences(page: Path, expected: str) -> Iterator[Difference]:
    """Yield the accuracies on a page of an earlier version that do not follow from the raw results.

    Words and intervals are not compared, because both have changed since.
    """
    if not page.is_file():
        yield Difference(page.name, "missing", "the tables of this report")
    known = {*ACCURACY.findall(expected)}
    for number, line in enumerate(_read(page).splitlines(), 1):
        if other := [text for text in ACCURACY.findall(INTERVAL.sub("", line)) if text not in known]:
            yield Difference(f"{page.name}, line {number}", ", ".join(other), "numbers that its results give")
