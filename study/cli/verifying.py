"""`mamlab verify`: checks a report against its raw results, and those against MLflow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from reports.data.files import RUNS, read_files
from reports.data.loading import IncompleteRuns
from reports.records import ReportError, RunRecord, StudyInfo
from reports.render.tables_json import TABLES
from reports.verify import Difference, drift, pages_note, verify_documents, verify_records, verify_repeats

from ..json_output import print_json
from ..results import load
from ..stores.home import Home
from ..text import say

MOST_SHOWN = 50


def verify_report(
    report: Path, home: Home, console: Console, against: Path | None = None, as_json: bool = False
) -> int:
    """Print the differences in a report (a path or a study's name); return 1 if there are any, else 0.

    With `against`, the folder of another report, runs in both are compared too.
    Raises ReportError if there is no such report, its raw results cannot be read, or `against` has no run in common.
    """
    named = home.reports / report  # an unrelated folder may have the study's name
    folder = named if named.is_dir() and not (report / RUNS).is_file() else report
    info, records = read_files(folder, checked=False)
    found: list[object] = [*verify_documents(folder)]
    note = [text] if (text := pages_note(folder)) else []
    compared = [*note, "the results agree with MLflow"]
    try:
        if _of_others(info, records):
            compared = [*note, f"the results are of no study of mamlab; {info.source or info.name} was not read again"]
        else:
            now, stored = load(info.name, home, afresh=True)
            found += [*([now.missing] if now.missing else []), *verify_records(records, stored)]
    except IncompleteRuns as error:
        found.append(Difference("MLflow", str(error), "all results of complete runs"))
    except ReportError as error:
        compared = [*note, f"the results were not compared with MLflow: {error}"]
    if against:
        others = read_files(against)[1]
        shared, differences = verify_repeats(records, others)
        found += differences
        compared.append(f"runs also in {against}: {shared}, bit-identical")
    if as_json:
        agrees = compared if not found else note
        lines = [str(difference) for difference in found]
        print_json("verify", {"report": str(folder), "differences": lines, "notes": agrees})
        return int(bool(found))
    for difference in found[:MOST_SHOWN]:
        say(console, str(difference))
    if len(found) > MOST_SHOWN:
        say(console, f"... and {len(found) - MOST_SHOWN} more")
    if found:
        if against and differences and (text := drift(records, others)):
            say(console, text)
        say(console, "; ".join([f"{len(found)} differences in {folder}", *note]))
        return 1
    what = "every table" if (folder / TABLES).is_file() else "every accuracy on its page"
    text = "; ".join([f"{folder}: {what} follows from its {len(records)} runs", *compared])
    say(console, text)
    return 0


def _of_others(info: StudyInfo, records: Sequence[RunRecord]) -> bool:
    """Whether `mamlab compare` read the results: they are in no experiment, and no training of mamlab made them."""
    return not info.experiment_id and not any(record.fingerprint for record in records)
