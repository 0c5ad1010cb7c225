"""Results that another program logged to MLflow, one row per run of an experiment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..metric import Metric
from ..records import ROLE_STUDY, ROLE_SUMMARY, ROLE_SUPERSEDED, TAG_ROLE, TAG_STUDY, ReportError, RunRecord
from .mlflow_runs import experiments_where, runs_where
from .outside_results import Columns, Row, read_values, records_of

if TYPE_CHECKING:
    from mlflow.entities import Run

GROUPS = ("tags", "params")
FINISHED = "FINISHED"
RETRIES = "2"
RUNNING = ("RUNNING", "SCHEDULED")
NO_TRAININGS = (ROLE_STUDY, ROLE_SUMMARY, ROLE_SUPERSEDED)
"""Roles of runs in an experiment that mamlab wrote: the study's own, summaries, and those that others replace."""


def records_in_mlflow(
    uri: str, experiment: str, columns: Columns, metric: Metric, where: str = ""
) -> tuple[list[RunRecord], list[str]]:
    """Return the runs of an experiment that have an arm, and notes on those that were skipped.

    `columns.arm` and `columns.seed` are "tags.NAME" or "params.NAME"; the value is the last one logged for the metric
    `columns.value`; a run that ended without one is failed. `where`: MLflow's filter, such as "attributes.status =
    'FINISHED'". Raises ReportError.
    """
    for option, name in (("arm", columns.arm), ("seed", columns.seed)):
        if name.partition(".")[0] not in GROUPS or not name.partition(".")[2]:
            raise ReportError(f"{option} = {name!r}: write tags.NAME or params.NAME, as MLflow's filters do")
    if columns.task:
        raise ReportError(f"task = {columns.task!r}: a run in MLflow has one value of a metric; leave it out")
    runs = [run for run in _runs(uri, experiment, where) if _is_training(run)]
    live = [run for run in runs if run.info.status in RUNNING]
    ended = [run for run in runs if run.info.status not in RUNNING]
    known = [run for run in ended if _field(run, columns.arm) is not None]
    _refuse_unknown(experiment, known, columns)
    rows = [Row(f"run {run.info.run_name} ({run.info.run_id[:8]})", _values(run, columns)) for run in known]
    without, running = len(ended) - len(known), len(live)
    notes = [f"{_many(without)} without {columns.arm} {_was(without)} skipped"] * bool(without)
    notes += [f"{_many(running)} that {'has' if running == 1 else 'have'} not ended {_was(running)} skipped"] * bool(
        running
    )
    source = f"experiment {experiment}"
    return records_of(source, read_values(source, rows, columns), metric), notes


def _runs(uri: str, experiment: str, where: str) -> Iterator[Run]:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    if uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///")).is_file():
        raise ReportError(f"there is no MLflow store at {uri}")  # MLflow would make one
    if "MLFLOW_HTTP_REQUEST_MAX_RETRIES" not in os.environ and uri.startswith("http"):
        os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = RETRIES  # by default MLflow retries for minutes
    try:
        client = MlflowClient(uri)
        found = client.get_experiment_by_name(experiment)
        if found is None:
            known = ", ".join(sorted(one.name for one in experiments_where(client)))
            raise ReportError(f"there is no experiment {experiment!r} in {uri}; there are {known or 'none'}")
        yield from runs_where(client, [found.experiment_id], where)
    except ImportError as error:
        raise ReportError(f"MLflow at {uri}: {error}; for PostgreSQL: pip install 'mamlab[postgres]'") from None
    except (MlflowException, SQLAlchemyError) as error:
        raise ReportError(f"MLflow at {uri}: {str(error).strip().splitlines()[0]}") from None


def _is_training(run: Run) -> bool:
    """Whether a run is a training's: all of another program, and of mamlab's those with that role."""
    return TAG_STUDY not in run.data.tags or run.data.tags.get(TAG_ROLE) not in NO_TRAININGS


def _many(count: int) -> str:
    return f"{count} run{'' if count == 1 else 's'}"


def _was(count: int) -> str:
    return "was" if count == 1 else "were"


def _field(run: Run, name: str) -> str | None:
    group, _, key = name.partition(".")
    values: dict[str, str] = run.data.tags if group == "tags" else run.data.params
    return values.get(key)


def _values(run: Run, columns: Columns) -> dict[str, Any]:
    value = run.data.metrics.get(columns.value) if run.info.status == FINISHED else None
    return {columns.arm: _field(run, columns.arm), columns.seed: _field(run, columns.seed), columns.value: value}


def _refuse_unknown(experiment: str, runs: list[Run], columns: Columns) -> None:
    """Raise ReportError if no run has the arm or the metric, and list what exists."""
    if not runs:
        raise ReportError(f"experiment {experiment!r}: no finished run has {columns.arm}")
    logged = sorted({name for run in runs for name in run.data.metrics})
    if columns.value not in logged:
        there = ", ".join(logged) or "none"
        raise ReportError(f"experiment {experiment!r}: no run has the metric {columns.value!r}; there are {there}")
