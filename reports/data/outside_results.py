"""Results from other programs: rows with an arm, a seed and a value become records; bad rows are reported."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from .. import records as names
from ..metric import Metric
from ..records import Family, ReportError, RunRecord, StudyInfo

MOST_NAMED = 10
TAG_OTHER_TASKS = "mamlab.other_tasks"
"""Marks a run whose tasks differ from those of the same seed in another arm."""
Key = tuple[str, int]
"""Arm and seed."""
LARGEST_SEED = 2**63
"""Seeds are kept as 64-bit integers."""


@dataclass(frozen=True)
class Row:
    """One row of a table, or one run of a store: `where` names it ("line 7"), `values` are by column."""

    where: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Columns:
    """Names of the columns (or tags, or params); `task` is empty if there is one value per run."""

    arm: str
    seed: str
    value: str
    task: str = ""


@dataclass(frozen=True)
class Value:
    """The value of one run, or of one of its tasks; NaN where the row has none."""

    where: str
    arm: str
    seed: int
    task: str
    value: float


class InvalidRows(ReportError):
    """Rows that do not fit; one line for each of the first ten."""

    def __init__(self, source: str, problems: Sequence[str], way_out: str) -> None:
        more = [f"... and {len(problems) - MOST_NAMED} more"] if len(problems) > MOST_NAMED else []
        many = "1 row does not fit" if len(problems) == 1 else f"{len(problems)} rows do not fit"
        super().__init__("\n".join([f"{source}: {many}. {way_out}", *problems[:MOST_NAMED], *more]))


def read_values(source: str, rows: Iterable[Row], columns: Columns) -> list[Value]:
    """Return the rows' values. Raises InvalidRows for rows without an arm, or whose seed or value is not a number."""
    found, problems = list[Value](), list[str]()
    for row in rows:
        try:
            found.append(_value(row, columns))
        except ValueError as error:
            problems.append(f"{row.where}: {error}")
    if problems:
        raise InvalidRows(source, problems, "Fix or remove them:")
    return found


def _value(row: Row, columns: Columns) -> Value:
    arm, task = _text(row.values.get(columns.arm)), _text(row.values.get(columns.task)) if columns.task else ""
    if not arm:
        raise ValueError(f"{columns.arm} is empty; each row needs its arm")
    if columns.task and not task:
        raise ValueError(f"{columns.task} is empty; each row needs its task")
    seed = _whole(row.values.get(columns.seed))
    if seed is None or not -LARGEST_SEED <= seed < LARGEST_SEED:
        shown, small = _text(row.values.get(columns.seed)), "" if seed is None else " of at most 64 bits"
        raise ValueError(f"{columns.seed} must be a whole number{small}, not {shown!r}; number the seeds")
    value = _number(row.values.get(columns.value))
    if value is None:
        shown = _text(row.values.get(columns.value))
        raise ValueError(f"{columns.value} must be a number, not {shown!r}; {_way_out(shown)}")
    return Value(row.where, arm, seed, task, value)


def _way_out(shown: str) -> str:
    """Return how to write a value that is no number."""
    if shown.endswith("%"):
        return "write the number without %, and say it with unit % (--unit %)"
    if _number(shown.replace(",", ".")) is not None:
        return f"write a decimal point, as in {shown.replace(',', '.')}"
    return "leave it empty where a run has no result"


def _text(value: Any) -> str:
    return "" if value is None or (isinstance(value, float) and math.isnan(value)) else str(value).strip()


def _whole(value: Any) -> int | None:
    """Return a whole number, exactly, however large it is; None for anything else."""
    try:
        return int(_text(value)) if "_" not in _text(value) else None
    except ValueError:
        found = _number(value)
        return int(found) if found is not None and math.isfinite(found) and found == int(found) else None


def _number(value: Any) -> float | None:
    """Return a number, NaN for an empty cell, None for anything else."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return math.nan
    if isinstance(value, bool) or type(value).__name__ == "bool_":
        return None
    if isinstance(value, Integral | Real):
        return float(value)
    text = str(value).strip()
    try:
        return float(text) if text and "_" not in text else None if text else math.nan
    except ValueError:
        return None


def records_of(source: str, values: Sequence[Value], metric: Metric) -> list[RunRecord]:
    """Return one record per run: complete with its value (the mean over its tasks, if any), failed without a value,
    diverged if it is infinite. Raises InvalidRows for an arm and seed (and task) that appear twice.
    """
    runs: dict[Key, dict[str, Value]] = {}
    problems = []
    for one in values:
        tasks = runs.setdefault((one.arm, one.seed), {})
        if (first := tasks.setdefault(one.task, one)) is not one:
            task = f", task {one.task}" if one.task else ""
            problems.append(
                f"{one.where}: arm {one.arm}, seed {one.seed}{task} ({one.value:g}) is already in {first.where}"
                f" ({first.value:g})"
            )
    if problems:
        raise InvalidRows(source, problems, "Keep one row for each; a repetition needs a seed of its own:")
    odd = _other_tasks(runs)
    return [_record(source, key, list(tasks.values()), metric, key[1] in odd) for key, tasks in runs.items()]


def _other_tasks(runs: Mapping[Key, Mapping[str, Value]]) -> set[int]:
    """Return the seeds whose arms have different tasks, so that tasks cannot be paired."""
    by_seed: dict[int, set[frozenset[str]]] = {}
    for (_, seed), tasks in runs.items():
        by_seed.setdefault(seed, set()).add(frozenset(tasks))
    return {seed for seed, sets in by_seed.items() if len(sets) > 1}


def _record(source: str, key: Key, tasks: Sequence[Value], metric: Metric, odd: bool) -> RunRecord:
    arm, seed = key
    ordered = [one.value for one in sorted(tasks, key=lambda one: one.task)]
    value = math.fsum(ordered) / len(ordered) if all(map(math.isfinite, ordered)) else _not_finite(ordered)
    where = tasks[0].where if len(tasks) == 1 else f"{tasks[0].where} and {len(tasks) - 1} more"
    state = names.COMPLETE if math.isfinite(value) else names.DIVERGED if math.isinf(value) else names.FAILED
    why = {names.DIVERGED: f"{metric.name} is not finite", names.FAILED: f"no value of {metric.name}"}.get(state)
    per_task = {names.SINGLE: array("d", ordered)} if not odd and tasks[0].task and state == names.COMPLETE else {}
    return RunRecord(
        run_id=f"{source}/{arm}/{seed}", experiment_id="", study=source, kind=names.ABLATION,
        name=f"{arm} / seed {seed} ({where})", arm=arm, seed=seed, trial=None, state=state, fingerprint="",
        metrics={metric.name: value} if state == names.COMPLETE else {}, per_task=per_task,
        tags=({names.TAG_MESSAGE: f"{where}: {why}"} if why else {}) | ({TAG_OTHER_TASKS: "yes"} if odd else {}),
    )  # fmt: skip


def _not_finite(values: Sequence[float]) -> float:
    return math.inf if any(map(math.isinf, values)) else math.nan


def compared(
    source: str,
    records: Sequence[RunRecord],
    metric: Metric,
    base: str | None,
    pairing: str = "",
    description: str = "",
    margin: float | None = None,
) -> StudyInfo:
    """Return a study that compares each arm of `records` with `base` (None: the first arm).

    `pairing`: what runs with the same seed share; `description`: of the results, for the report; `margin`: the largest
    difference that does not matter, in the unit in which values are shown. Raises ReportError for a base that is no
    arm, an invalid margin, or nothing to compare.
    """
    arms = list(dict.fromkeys(str(record.arm) for record in records))
    if not arms:
        raise ReportError(f"{source}: it has no rows, so there is nothing to compare")
    chosen = arms[0] if base is None else base
    if chosen not in arms:
        raise ReportError(f"base = {chosen!r}: no such arm in {source}; there are {', '.join(arms)}")
    if len(arms) == 1:
        raise ReportError(f"{source}: {arms[0]} is the only arm, so there is nothing to compare it with")
    if margin is not None and not (0 < margin < math.inf):
        raise ReportError(
            f"margin = {margin!r}: must be a positive number, the largest difference that does not matter"
        )
    family = Family(f"against {chosen}", tuple((arm, chosen) for arm in arms if arm != chosen))
    note = _tasks_note(records)
    return StudyInfo(
        name=source,
        kind=names.ABLATION,
        families=(family,),
        metric=metric,
        pairing=pairing,
        source=f"{description or source}{note and f'; {note}'}",
        margin=margin,
        notes=(note,) if note else (),
    )


def _tasks_note(records: Sequence[RunRecord]) -> str:
    seeds = sorted({record.seed or 0 for record in records if TAG_OTHER_TASKS in record.tags})
    if not seeds:
        return ""
    shown = ", ".join(map(str, seeds[:MOST_NAMED])) + (", ..." if len(seeds) > MOST_NAMED else "")
    return f"the arms do not have the same tasks in seed {shown}, so their differences also contain task noise"
