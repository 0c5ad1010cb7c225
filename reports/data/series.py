"""Many short series of numbers in one long parquet table: one row per number, with its run and its name.

Numbers stay in arrays: 10,000 runs of 600 tasks are 6 million numbers, 48 MB in arrays and 400 MB as Python objects.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, overload

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..records import ReportError

Point = tuple[int, float]


@dataclass(frozen=True)
class Curve(Sequence[Point]):
    """A sequence of (step, value) pairs, kept as two arrays of the same length."""

    steps: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("d"))

    @classmethod
    def of(cls, points: Iterable[Point]) -> Curve:
        """Return the curve through `points`."""
        pairs = list(points)
        return cls(array("q", [step for step, _ in pairs]), array("d", [value for _, value in pairs]))

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[Point]:
        return zip(self.steps, self.values, strict=True)

    @overload
    def __getitem__(self, at: int) -> Point: ...
    @overload
    def __getitem__(self, at: slice) -> list[Point]: ...
    def __getitem__(self, at: int | slice) -> Point | list[Point]:
        """Return a pair, or a list of pairs for a slice."""
        if isinstance(at, slice):
            return list(zip(self.steps[at], self.values[at], strict=True))
        return self.steps[at], self.values[at]


Series = tuple[str, str, Curve]
"""Run id, name, numbers."""
Table = dict[str, dict[str, Curve]]
"""Run id -> name -> numbers."""


def write_series(series: Iterable[Series], columns: tuple[str, str, str], path: Path) -> None:
    """Write a table with the columns run_id and `columns`: name, step, value. Names are dictionary-encoded."""
    parts = [(run_id, name, curve) for run_id, name, curve in series if len(curve)]
    lengths = [len(curve) for *_, curve in parts]
    table = pa.table(
        {
            "run_id": _repeated([run_id for run_id, *_ in parts], lengths),
            columns[0]: _repeated([name for _, name, _ in parts], lengths),
            columns[1]: pa.array(_joined([curve.steps for *_, curve in parts], np.int32)),
            columns[2]: pa.array(_joined([curve.values for *_, curve in parts], np.float64)),
        }
    )
    pq.write_table(table, path)


def read_series(path: Path) -> Table:
    """Return what `write_series` wrote, in row order; empty if there is no such file.

    Raises ReportError for a file of another format.
    """
    if not path.is_file():
        return {}
    try:
        table = pq.read_table(path)
        (runs, run_codes), (names, name_codes) = _coded(table.column(0)), _coded(table.column(1))
        steps = table.column(2).to_numpy().astype(np.int64)
        values = table.column(3).to_numpy().astype(np.float64, copy=False)
    except (pa.ArrowException, IndexError, OSError, TypeError, ValueError) as error:
        raise ReportError(
            f"{path} is not a table that this program wrote ({error}); write it again with `mamlab report`"
        ) from error
    found: Table = {}
    for start, end in _stretches(run_codes, name_codes):
        curve = found.setdefault(runs[run_codes[start]], {}).setdefault(names[name_codes[start]], Curve())
        curve.steps.frombytes(steps[start:end].tobytes())
        curve.values.frombytes(values[start:end].tobytes())
    return found


def _repeated(values: Sequence[str], lengths: Sequence[int]) -> Any:
    codes = {value: code for code, value in enumerate(dict.fromkeys(values))}
    indices = np.repeat(np.array([codes[value] for value in values], dtype=np.int32), lengths)
    return pa.DictionaryArray.from_arrays(pa.array(indices, pa.int32()), pa.array(list(codes), pa.string()))


def _joined(arrays: Sequence[array[Any]], kind: Any) -> Any:
    return np.concatenate([np.asarray(one) for one in arrays], dtype=kind) if arrays else np.array([], kind)


def _coded(column: Any) -> tuple[list[str], Any]:
    """Return the distinct texts of a column, and each row's index into them."""
    coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    chunks = coded.unify_dictionaries().chunks
    if not chunks:
        return [], np.array([], np.int32)
    return chunks[0].dictionary.to_pylist(), np.concatenate([chunk.indices.to_numpy() for chunk in chunks])


def _stretches(*codes: Any) -> Iterator[tuple[int, int]]:
    """Yield [start, end) of the rows in which no code changes."""
    if not len(codes[0]):
        return
    changes = np.any([code[1:] != code[:-1] for code in codes], axis=0)
    edges = [0, *(np.flatnonzero(changes) + 1).tolist(), len(codes[0])]
    yield from pairwise(edges)
