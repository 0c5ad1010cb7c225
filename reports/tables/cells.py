"""Tables as values: columns, cells, notes; `reports.render` writes them as HTML, Markdown or LaTeX."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from .. import records as names
from ..metric import ACCURACY, Metric
from ..records import RunRecord
from ..statistics.arms import Excluded
from ..statistics.estimate import Estimate
from ..statistics.summary import best_validation, finite, mean_metric
from ..text import NONE, duration, interval, many, setting_text, value_text, with_unit

INTERVAL = "Student t over seeds, 95 %"
"""Of differences."""
MEAN_INTERVAL = "Student t over seeds on the logit scale, 95 %"
"""Of accuracies."""
COMPUTE_NOTE = (
    "Compute: counted operations of a training with its validation (convolutions and matrix products), as a multiple of"
    " the base config's (that of the spec's [trainer])."
)
MOST_RUNS = 500
EVERY_RUN = "Runs"


@dataclass(frozen=True)
class Cell:
    """A text, its sort key (None: last), the runs that it comes from, and whether it is the best of its column.

    `experiment_id` is the runs' experiment in MLflow; empty for that of the report.
    """

    text: str
    sort: float | str | None = None
    runs: tuple[str, ...] = ()
    best: bool = False
    experiment_id: str = ""


@dataclass(frozen=True)
class Column:
    """A heading; numbers are right-aligned."""

    title: str
    numeric: bool = False


@dataclass(frozen=True)
class Table:
    """`rows` have a cell for each of `columns`; `notes` explain how the numbers were made."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The title as a file name: "Arms against MAML++" is arms-against-mamlpp."""
        return re.sub(r"[\W_]+", "-", self.title.lower().replace("++", "pp")).strip("-") or "table"


COMPUTE_COLUMN = Column("Compute, x base", True)


def mean_columns(metric: Metric) -> list[Column]:
    """Return the headings of n, a metric's mean, and its interval."""
    return [Column(title, True) for title in ("n", metric.label, "95 % interval")]


def meaning(metric: Metric) -> str:
    """Return what a metric is and whether lower is better, without a full stop: "rmse: lower is better"."""
    parts = [metric.meaning] if metric.meaning else []
    if not parts or metric.better == "lower":
        parts.append(f"{metric.better} is better")
    if metric.chance is not None:
        parts.append(f"guessing gives {with_unit(metric.chance, metric)}")
    return f"{metric.heading}: {'; '.join(parts)}"


def mean_interval(metric: Metric) -> str:
    """Return how intervals of means of `metric` are made."""
    return MEAN_INTERVAL if metric.is_share else INTERVAL


def value_cell(found: Estimate, metric: Metric) -> Cell:
    """Return the mean of an estimate."""
    return number(found.mean, value_text(found.mean, metric=metric))


def difference_cells(found: Estimate, metric: Metric) -> tuple[Cell, Cell]:
    """Return a mean difference of `metric` and its interval."""
    mean = number(found.mean, value_text(found.mean, True, metric))
    return mean, Cell(interval(found, True, metric), found.low)


def number(value: float | None, text: str | None = None) -> Cell:
    """Return a numeric cell; a missing or non-finite value sorts last and is shown as a dash."""
    if value is None or not math.isfinite(value):
        return Cell(NONE)
    return Cell(text if text is not None else f"{value:g}", value)


def compute_cell(records: Sequence[RunRecord]) -> Cell:
    """Return the runs' mean compute under COMPUTE_COLUMN."""
    compute = mean_metric(records, names.COMPUTE)
    return number(compute, None if compute is None else f"{compute:.3g}")


def states_text(counts: dict[str, int]) -> str:
    """Return "2 complete, 1 diverged"."""
    return ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in counts.items()) or "no runs"


def runs_text(counts: dict[str, int], where: str = "") -> str:
    """Return "18 of 21 runs complete, 3 interrupted", or "21 runs, all complete"; `where` follows "runs"."""
    total, complete = sum(counts.values()), counts.get(names.COMPLETE, 0)
    others = {state: count for state, count in counts.items() if state != names.COMPLETE}
    if not others:
        return f"{many(total, 'run')}{where}, {'all ' * (total > 1)}complete"
    return f"{complete} of {many(total, 'run')}{where} complete, {states_text(others)}"


def excluded_table(excluded: Sequence[Excluded]) -> Table:
    """Return the excluded runs, each with the reason."""
    columns = (
        Column("Run"),
        Column("Arm"),
        Column("Trial", True),
        Column("Seed", True),
        Column("State"),
        Column("Why"),
    )
    rows = tuple(
        (*_identity(e.record), Cell(e.record.state.replace("_", " "), e.record.state), Cell(e.reason, e.reason))
        for e in excluded
    )
    return without_empty(
        Table("Runs that are in no mean", columns, rows[:MOST_RUNS], cut_note(len(rows), MOST_RUNS, "runs"))
    )


def runs_table(records: Sequence[RunRecord], metric: Metric | None = None, by: Metric = ACCURACY) -> Table:
    """Return every run with its own numbers, measured `by`; `metric` is one that stands under its own name."""
    columns = [by.with_unit(title) for title in ("Test", "Ensemble", "Best validation")]
    columns += ["Epochs", "Time", *([metric.label] if metric else [])]
    heads = (
        Column("Run"),
        Column("Arm"),
        Column("Trial", True),
        Column("Seed", True),
        Column("State"),
        *(Column(c, True) for c in columns),
    )
    rows = tuple(_run_row(record, metric, by) for record in records[:MOST_RUNS])
    return without_empty(Table(EVERY_RUN, heads, rows, cut_note(len(records), MOST_RUNS, "runs")))


def _run_row(record: RunRecord, metric: Metric | None, by: Metric) -> tuple[Cell, ...]:
    reached = (
        finite(record, by.test),
        finite(record, names.ENSEMBLE_TEST_ACCURACY),
        best_validation(record, by),
    )
    seconds = finite(record, names.SECONDS)
    own = finite(record, metric.name) if metric else None
    return (
        *_identity(record),
        Cell(record.state.replace("_", " "), record.state),
        *(_of_run(record, value, value_text(value, metric=by)) for value in reached),
        number(finite(record, names.EPOCHS_RUN)),
        number(seconds, None if seconds is None else duration(seconds)),
        *([_of_run(record, own, value_text(own, metric=metric))] if metric else []),
    )


def _of_run(record: RunRecord, value: float | None, text: str) -> Cell:
    return replace(number(value, text), runs=(record.run_id,) if value is not None else ())


def _identity(record: RunRecord) -> tuple[Cell, ...]:
    name = record.name or record.run_id[:8]
    return (
        Cell(name, name, (record.run_id,)),
        Cell(record.arm or NONE, record.arm),
        number(record.trial),
        number(record.seed),
    )


def linked(cells: Iterable[Cell], runs: tuple[str, ...]) -> tuple[Cell, ...]:
    """Return the cells of a row, with non-empty ones linked to `runs` unless they have a link."""
    return tuple(replace(cell, runs=runs) if cell.text != NONE and not cell.runs else cell for cell in cells)


def setting(text: str | None) -> Cell:
    """Return a searched parameter: numbers with four digits, "off" for inactive ones."""
    shown = setting_text(text)
    try:
        value = float(text or "")
    except ValueError:
        return Cell(shown, text)
    return Cell(shown, value if math.isfinite(value) else text)


def cut_note(count: int, most: int, what: str) -> tuple[str, ...]:
    """Return that only the first are shown; nothing where all are."""
    return (f"The first {most} of {count} {what}; runs.csv holds all of them.",) if count > most else ()


def without_empty(table: Table) -> Table:
    """Drop empty columns."""
    kept = [i for i in range(len(table.columns)) if not table.rows or any(row[i].text != NONE for row in table.rows)]
    pick: Callable[[tuple[Cell, ...]], tuple[Cell, ...]] = lambda row: tuple(row[i] for i in kept)  # noqa: E731
    return Table(
        table.title, tuple(table.columns[i] for i in kept), tuple(pick(row) for row in table.rows), table.notes
    )
