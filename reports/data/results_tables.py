"""Reads tables of results (CSV, Parquet, frames), long (one row per run) or wide (one column per arm)."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..metric import Metric
from ..records import ReportError, RunRecord
from .manifest import checksum
from .outside_results import Columns, Row, read_values, records_of
from .text_files import columns_twice, lines_of, read_text, table

if TYPE_CHECKING:
    import pandas as pd

PARQUET = (".parquet", ".pq")
WORKBOOKS = (".xlsx", ".xls", ".ods")
NUMBERING = ("", "Unnamed: 0", "index")
"""Name that pandas gives to the column of its row numbers."""
_ARM, _VALUE = "the arm", "the value"


def records_in_file(path: Path, columns: Columns, metric: Metric) -> tuple[list[RunRecord], str]:
    """Return the runs of a CSV or Parquet file, and the file's name with its SHA-256.

    `columns.arm` is empty for a wide table. Raises ReportError naming columns and rows that do not fit.
    """
    if not path.is_file():
        raise ReportError(f"{path}: {'it is a folder; name the file in it' if path.is_dir() else 'no such file'}")
    if path.suffix.lower() in WORKBOOKS:
        raise ReportError(f"{path} is a workbook; save its sheet as CSV, and name that")
    if path.suffix.lower() in PARQUET:
        names, rows = _of_frame(_read_parquet(path))
    else:
        names, rows = _of_csv(path)
    description = f"{path.name} (SHA-256 {checksum(path)[:16]})"
    return _records(path.name, names, rows, columns, metric), description


def records_in_frame(frame: pd.DataFrame, columns: Columns, metric: Metric) -> list[RunRecord]:
    """Return the runs of a pandas frame, as `records_in_file`; rows are named by their position from 0."""
    return _records("the frame", *_of_frame(frame), columns, metric)


def _read_parquet(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise ReportError(f"{path} cannot be read as Parquet: {str(error).splitlines()[0]}") from None


def _of_frame(frame: pd.DataFrame) -> tuple[list[str], list[Row]]:
    import pandas as pd

    repeated = [level for level, name in enumerate(frame.index.names) if name is not None and name in frame.columns]
    left = [name for level, name in enumerate(frame.index.names) if level not in repeated]
    flat = frame.reset_index(repeated, drop=True) if repeated else frame
    if left and not isinstance(flat.index, pd.RangeIndex):
        flat = flat.reset_index(drop=left == [None])  # an index without a name holds only row numbers
    names = [str(name) for name in flat.columns]
    columns = [flat.iloc[:, place].tolist() for place in range(len(names))]
    rows = [
        Row(f"row {number}", dict(zip(names, values, strict=True)))
        for number, values in enumerate(zip(*columns, strict=True))
    ]
    return names, rows


def _of_csv(path: Path) -> tuple[list[str], list[Row]]:
    reader = table(lines_of(read_text(path)))
    rows = []
    try:
        for values in reader:
            if None in values or None in values.values():
                raise ReportError(
                    f"{path}, line {reader.line_num}: must have as many columns as the header, which has"
                    f" {len(reader.fieldnames or ())}"
                )
            rows.append(Row(f"line {reader.line_num}", dict(values)))
        return [*(reader.fieldnames or ())], rows
    except csv.Error as error:
        raise ReportError(
            f"{path}, line {reader.line_num}: cannot be read as CSV: {error}; is a quotation mark not closed?"
        ) from None


def _records(
    source: str, names: Sequence[str], rows: Sequence[Row], columns: Columns, metric: Metric
) -> list[RunRecord]:
    if twice := columns_twice([*names]):
        raise ReportError(f"{source}: the column {twice[0]!r} appears twice; rename one")
    wanted = [columns.seed, *([columns.task] if columns.task else [])]
    if columns.arm:
        wanted += [columns.arm, columns.value]
    for name in wanted:
        if name not in names:
            raise ReportError(f"{source}: {_no_column(name, names)}")
    if not columns.arm:
        columns, rows = _long(rows, [name for name in names if name not in (*wanted, *NUMBERING)], columns)
    return records_of(source, read_values(source, rows, columns), metric)


def _long(rows: Sequence[Row], arms: Sequence[str], columns: Columns) -> tuple[Columns, list[Row]]:
    """Convert a wide table to a long one: each column of `arms` is an arm."""
    kept = [name for name in (columns.seed, columns.task) if name]
    found = [
        Row(
            f"{row.where}, column {arm}",
            {**{name: row.values[name] for name in kept}, _ARM: arm, _VALUE: row.values[arm]},
        )
        for row in rows
        for arm in arms
    ]
    return Columns(_ARM, columns.seed, _VALUE, columns.task), found


def _quoted(name: str) -> str:
    """Return a column's name, in quotes where its spaces would not be seen."""
    return name if name and name == name.strip() else repr(name)


def _no_column(name: Any, names: Sequence[str]) -> str:
    near = get_close_matches(str(name), names, 1)
    there = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(map(_quoted, names)) or 'none'}"
    return f"there is no column {name!r}; {there}"
