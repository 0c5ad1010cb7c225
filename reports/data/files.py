"""Export of a study's records, from which the same report can be made again without MLflow.

runs.csv           one row per run; columns run_id ... ended_at, then param:NAME, metric:NAME, tag:NAME; empty: absent
per_task.parquet   one row per test task: run_id, which (see `records.RunRecord.per_task`), task (0-based), accuracy in
                   [0, 1]
curves.parquet     one row per epoch: run_id, metric, epoch, value; for inner learning rates, "epoch" is the inner step
study.json         the `StudyInfo`
"""

from __future__ import annotations

import csv
import io
import json
import shlex
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any, TextIO

from ..metric import ACCURACY
from ..records import MAMLPP_PAIRING, ReportError, RunRecord, StudyInfo
from .manifest import MANIFEST, read_manifest
from .output_folder import finish_writing
from .series import Curve, Series, Table, read_series, write_series
from .spreadsheets import with_apostrophe, without_apostrophe
from .text_files import TextError, columns_twice, read_text, separator

RUNS, PER_TASK, CURVES, STUDY = "runs.csv", "per_task.parquet", "curves.parquet", "study.json"
DATA = (STUDY, RUNS, PER_TASK, CURVES)

FORMAT = 2
"""Format version. Older exports are read, but made again from MLflow when a report is written."""

TEXT_FIELDS = ("run_id", "experiment_id", "study", "kind", "name", "state", "fingerprint")
NUMBER_FIELDS: dict[str, type] = {"seed": int, "trial": int, "started_at": float, "ended_at": float}
PLAIN_FIELDS = (
    "run_id",
    "name",
    "arm",
    "seed",
    "trial",
    "state",
    "study",
    "kind",
    "experiment_id",
    "fingerprint",
    "started_at",
    "ended_at",
)
GROUPS = {"param": "params", "metric": "metrics", "tag": "tags"}


def column(field_name: str) -> str:
    """Return the column of runs.csv that holds a plain field of `RunRecord`."""
    return {"fingerprint": "cell"}.get(field_name, field_name)  # names on disk do not change


def write_files(records: Sequence[RunRecord], info: StudyInfo, folder: Path) -> None:
    """Write the four files into `folder`. Floats keep every bit; the same records give the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    study = json.dumps({"format": FORMAT, **_tree(info)}, indent=2, ensure_ascii=False)
    (folder / STUDY).write_text(study + "\n", encoding="utf-8", newline="\n")
    _write_runs(records, folder / RUNS)
    write_series(_per_task(records), ("which", "task", "accuracy"), folder / PER_TASK)
    write_series(_curves(records), ("metric", "epoch", "value"), folder / CURVES)


def _tree(info: StudyInfo) -> dict[str, Any]:
    """Return the study as JSON, without empty rare fields and without what the reader's own store says."""
    tree = asdict(info)
    del tree["notes"]
    tree["shown"] = [look.as_tree() for look in info.shown]
    for name in ("space", "missing", "trained_by", "metric", "source", "looks", "margin", "shown"):
        if not tree[name]:
            del tree[name]
    if info.measured == ACCURACY:
        del tree["measured"]
    if tree["pairing"] == MAMLPP_PAIRING:
        del tree["pairing"]
    return tree


def is_current(folder: Path) -> bool:
    """Return whether `folder` holds a complete export of this version, with matching checksums."""
    try:
        manifest = read_manifest(folder)
        if (
            manifest is None
            or manifest.adopted
            or any(manifest.changed(folder, DATA))
            or not {*DATA} <= {*manifest.files}
        ):
            return False
        tree = json.loads((folder / STUDY).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(tree, dict) and tree.get("format") == FORMAT


def read_files(folder: Path, *, checked: bool = True) -> tuple[StudyInfo, list[RunRecord]]:
    """Return what `write_files` wrote. Raises ReportError naming a file that is missing, damaged or of another format.

    runs.csv alone is enough for everything but curves. Where a manifest or study.json lists other files, each of them
    must be there, and with `checked` match its checksum in the manifest.
    """
    finish_writing(folder)
    if checked:
        _refuse_damaged(folder)
    _refuse_absent(folder)
    return _read(folder, read_series(folder / PER_TASK), read_series(folder / CURVES))


def read_rows(folder: Path) -> tuple[StudyInfo, list[RunRecord]]:
    """Return what runs.csv and study.json in `folder` say: the runs without curves and results per task. Raises
    ReportError.
    """
    finish_writing(folder)
    _refuse_absent(folder)
    return _read(folder, {}, {})


def is_export(folder: Path) -> bool:
    """Return whether `folder` holds an export, complete or not."""
    return any((folder / name).is_file() for name in (*DATA, MANIFEST))


def _refuse_absent(folder: Path) -> None:
    if not (folder / RUNS).is_file():
        raise ReportError(f"{folder} holds no {RUNS}; give the folder of a report, or make one with `mamlab report`")


def _read(folder: Path, per_task: Table, curves: Table) -> tuple[StudyInfo, list[RunRecord]]:
    records = []
    for line, row in _read_rows(folder / RUNS):
        try:
            records.append(_record(row, per_task, curves))
        except (KeyError, TypeError, ValueError) as error:
            raise ReportError(
                f"{folder / RUNS}, line {line}: {error!r}; write the file again with `mamlab report`"
            ) from error
    return _read_study(folder, records), records


def _refuse_damaged(folder: Path) -> None:
    """Raise ReportError naming each file of an export that is missing or changed."""
    wrong = damaged_files(folder)
    if wrong:
        raise ReportError(
            f"{folder}: {'; '.join(wrong)}. Write the report again with `mamlab report STUDY --out"
            f" {shlex.quote(str(folder))}`, or restore the file from a copy; if you changed it on purpose,"
            f" delete {MANIFEST} there"
        )


def damaged_files(folder: Path, names: Sequence[str] | None = DATA) -> list[str]:
    """Return what is wrong with an export's files (None: all that its manifest lists), a line each: "curves.parquet is
    missing".
    """
    manifest = read_manifest(folder)
    if manifest is not None:
        return list(manifest.changed(folder, names or [*manifest.files]))
    names = names or DATA
    whole = (folder / STUDY).is_file()  # written before there were manifests, and never without the others
    return [f"{name} is missing" for name in names if whole and name in DATA and not (folder / name).is_file()]


def _read_rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (line number, row); spreadsheets may have saved it, with a byte order mark or with semicolons."""
    try:
        text = read_text(path)
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator(text.partition("\n")[0]))
        if twice := columns_twice(list(reader.fieldnames or ())):
            raise ReportError(f"{path}: column {twice[0]} appears twice; remove one")
        for row in reader:
            if None in row or None in row.values():
                what = "more" if None in row else "fewer"
                raise ReportError(
                    f"{path}, line {reader.line_num}: {what} cells than the header has columns; "
                    "fix the line, or write the file again with `mamlab report`"
                )
            yield reader.line_num, {title: without_apostrophe(text) for title, text in row.items()}
    except (TextError, csv.Error) as error:
        raise ReportError(
            f"{path} is not a table in UTF-8 ({error}); save it as CSV in UTF-8, or write it again with `mamlab report`"
        ) from error


class _Lines:
    """Takes a CSV writer's rows and ends them with a line feed alone; the writer's own line end has both characters, so
    that it quotes texts with either.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, row: str) -> None:
        self._file.write(row.removesuffix("\r\n") + "\n")


def _write_runs(records: Sequence[RunRecord], path: Path) -> None:
    names = [
        (group, key) for group in GROUPS for key in sorted({k for r in records for k in getattr(r, GROUPS[group])})
    ]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(_Lines(file), lineterminator="\r\n")
        writer.writerow([*map(column, PLAIN_FIELDS), *(f"{group}:{key}" for group, key in names)])
        for record in records:
            plain = [getattr(record, name) for name in PLAIN_FIELDS]
            others = (getattr(record, GROUPS[group]).get(key) for group, key in names)
            writer.writerow(map(with_apostrophe, (*plain, *others)))


def _per_task(records: Sequence[RunRecord]) -> Iterator[Series]:
    for record in records:
        for which, values in sorted(record.per_task.items()):
            yield record.run_id, which, Curve(_places(len(values)), _array(values))


@lru_cache
def _places(count: int) -> array[int]:
    """Return 0, 1, ...; cached, because most runs have the same number of test tasks."""
    return array("q", range(count))


def _array(values: Sequence[float]) -> array[float]:
    return values if isinstance(values, array) else array("d", values)


def _curves(records: Sequence[RunRecord]) -> Iterator[Series]:
    for record in records:
        for metric, points in sorted(record.curves.items()):
            yield record.run_id, metric, points if isinstance(points, Curve) else Curve.of(points)


def _record(row: Mapping[str, str], per_task: Table, curves: Table) -> RunRecord:
    texts: dict[str, Any] = {name: row[column(name)] for name in TEXT_FIELDS}
    numbers: dict[str, Any] = {name: kind(row[name]) if row[name] else None for name, kind in NUMBER_FIELDS.items()}
    groups: dict[str, Any] = {name: {} for name in GROUPS.values()}
    for title, value in row.items():
        group, colon, key = title.partition(":")
        if colon and value:
            groups[GROUPS[group]][key] = float(value) if group == "metric" else value
    series: dict[str, Any] = {
        "per_task": {which: curve.values for which, curve in per_task.get(texts["run_id"], {}).items()},
        "curves": curves.get(texts["run_id"], {}),
    }
    return RunRecord(**texts, **numbers, **groups, **series, arm=row["arm"] or None)


def _read_study(folder: Path, records: Sequence[RunRecord]) -> StudyInfo:
    if not (folder / STUDY).is_file():
        first = records[0] if records else None
        return StudyInfo(first.study, first.kind, first.experiment_id) if first else StudyInfo(folder.name, "")
    try:
        tree = json.loads((folder / STUDY).read_text(encoding="utf-8-sig"))
        return StudyInfo.from_tree(tree)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise ReportError(f"{folder / STUDY}: {error}; write the file again with `mamlab report`") from error
