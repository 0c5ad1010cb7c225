"""A study's records as files, from which the same report can be made again without MLflow.

runs.csv         a row a run; columns run_id ... ended_at, then param:NAME, metric:NAME, tag:NAME; an empty cell is absent
per_task.parquet a row a test task: run_id, which ("single" or "ensemble"), task (0-based), accuracy in [0, 1]
curves.parquet   a row an epoch: run_id, metric, epoch, value
study.json       the `StudyInfo`
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .records import ReportError, RunRecord, StudyInfo

RUNS, PER_TASK, CURVES, STUDY = "runs.csv", "per_task.parquet", "curves.parquet", "study.json"

TEXT_FIELDS = ("run_id", "experiment_id", "study", "kind", "name", "state", "cell")
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
    "cell",
    "started_at",
    "ended_at",
)
GROUPS = {"param": "params", "metric": "metrics", "tag": "tags"}


def write_files(records: Sequence[RunRecord], info: StudyInfo, folder: Path) -> None:
    """Write the four files into `folder`. Floats keep every bit; the same records give the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    study = json.dumps(asdict(info), indent=2, ensure_ascii=False)
    (folder / STUDY).write_text(study + "\n", encoding="utf-8", newline="\n")
    _write_runs(records, folder / RUNS)
    per_task = (
        (r.run_id, which, list(enumerate(values))) for r in records for which, values in sorted(r.per_task.items())
    )
    _write_series(per_task, ("which", "task", "accuracy"), folder / PER_TASK)
    curves = ((r.run_id, metric, points) for r in records for metric, points in sorted(r.curves.items()))
    _write_series(curves, ("metric", "epoch", "value"), folder / CURVES)


def read_files(folder: Path) -> tuple[StudyInfo, list[RunRecord]]:
    """Return what `write_files` wrote. Raises ReportError naming the file that is missing or not of this form.

    study.json and the parquet files may be absent: a table in a mail is enough for everything but curves.
    """
    if not (folder / RUNS).is_file():
        raise ReportError(f"{folder} holds no {RUNS}; give the folder of a report, or make one with `mamlab report`")
    per_task = _read_series(folder / PER_TASK)
    curves = _read_series(folder / CURVES)
    records = []
    for line, row in _read_rows(folder / RUNS):
        try:
            records.append(_record(row, per_task, curves))
        except (KeyError, TypeError, ValueError) as error:
            raise ReportError(
                f"{folder / RUNS}, line {line}: {error!r}; write the file again with `mamlab report`"
            ) from error
    return _read_study(folder, records), records


def _read_rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (line number, row); a byte order mark, which spreadsheets write, is no part of the first name."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            for row in reader:
                if None in row or None in row.values():
                    what = "more" if None in row else "fewer"
                    raise ReportError(
                        f"{path}, line {reader.line_num}: {what} cells than the header has columns; "
                        "mend the line, or write the file again with `mamlab report`"
                    )
                yield reader.line_num, row
    except (UnicodeDecodeError, csv.Error) as error:
        raise ReportError(
            f"{path} is not a table in UTF-8 ({error}); save it as CSV in UTF-8, or write it again with `mamlab report`"
        ) from error


def _write_runs(records: Sequence[RunRecord], path: Path) -> None:
    names = [
        (group, key) for group in GROUPS for key in sorted({k for r in records for k in getattr(r, GROUPS[group])})
    ]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*PLAIN_FIELDS, *(f"{group}:{key}" for group, key in names)])
        for record in records:
            plain = [getattr(record, name) for name in PLAIN_FIELDS]
            writer.writerow([*plain, *(getattr(record, GROUPS[group]).get(key) for group, key in names)])


def _record(row: Mapping[str, str], per_task: Mapping[str, Any], curves: Mapping[str, Any]) -> RunRecord:
    texts: dict[str, Any] = {name: row[name] for name in TEXT_FIELDS}
    numbers: dict[str, Any] = {name: kind(row[name]) if row[name] else None for name, kind in NUMBER_FIELDS.items()}
    groups: dict[str, Any] = {name: {} for name in GROUPS.values()}
    for column, value in row.items():
        group, colon, key = column.partition(":")
        if colon and value:
            groups[GROUPS[group]][key] = float(value) if group == "metric" else value
    series: dict[str, Any] = {
        "per_task": {
            which: [value for _, value in points] for which, points in per_task.get(texts["run_id"], {}).items()
        },
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
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ReportError(f"{folder / STUDY}: {error}; write the file again with `mamlab report`") from error


Series = tuple[str, str, Sequence[tuple[int, float]]]


def _write_series(series: Iterable[Series], columns: tuple[str, str, str], path: Path) -> None:
    """Write (run, name, points) as long rows; runs and names are dictionary-encoded, so that millions of rows stay small."""
    parts = [(run_id, name, points) for run_id, name, points in series if points]
    lengths = [len(points) for *_, points in parts]
    flat = [point for *_, points in parts for point in points]
    table = pa.table(
        {
            "run_id": _repeated([run_id for run_id, *_ in parts], lengths),
            columns[0]: _repeated([name for _, name, _ in parts], lengths),
            columns[1]: pa.array([step for step, _ in flat], pa.int32()),
            columns[2]: pa.array([value for _, value in flat], pa.float64()),
        }
    )
    pq.write_table(table, path)


def _repeated(values: Sequence[str], lengths: Sequence[int]) -> pa.DictionaryArray:
    codes = {value: code for code, value in enumerate(dict.fromkeys(values))}
    indices = np.repeat(np.array([codes[value] for value in values], dtype=np.int32), lengths)
    return pa.DictionaryArray.from_arrays(pa.array(indices, pa.int32()), pa.array(list(codes), pa.string()))


def _read_series(path: Path) -> dict[str, dict[str, list[tuple[int, float]]]]:
    """Return run -> name -> [(step, value)], in the order of the rows."""
    if not path.is_file():
        return {}
    try:
        columns = [pq.read_table(path).column(number).to_pylist() for number in range(4)]
    except (pa.ArrowException, IndexError, OSError) as error:
        raise ReportError(
            f"{path} is not a table that this program wrote ({error}); write it again with `mamlab report`"
        ) from error
    found: dict[str, dict[str, list[tuple[int, float]]]] = {}
    for run_id, name, step, value in zip(*columns, strict=True):
        found.setdefault(run_id, {}).setdefault(name, []).append((step, value))
    return found
