"""Comparison of results from other tools: a table, a DataFrame, or an MLflow experiment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.data.outside_results import Columns, compared
from reports.data.results_mlflow import records_in_mlflow
from reports.data.results_tables import records_in_file, records_in_frame
from reports.metric import Better, Metric, better_by_name
from reports.records import ReportError
from trainers.config import TrainerConfig
from trainers.error_messages import show
from trainers.errors import InputError
from trainers.paths import expanded
from trainers.sections import plain

from ..stores.urls import redact
from .arguments import refuse_no_text
from .result import Result
from .running import compare as compare_configs

if TYPE_CHECKING:
    import pandas as pd


def compare(
    what: pd.DataFrame | Path | str, configs: Mapping[str, TrainerConfig] | None = None, **options: Any
) -> Result:
    """Compare existing results, or train configs and compare them: each arm with the base, paired by seed.

    With `configs` (arm -> config), `what` is the name of a study: see `study.python.running.compare`. Otherwise `what`
    contains results: see `compare_results`.
    """
    if configs is not None:
        if not isinstance(what, str):
            raise InputError(f"name: with configs, the first argument is the name of a study, not {show(what)}")
        return compare_configs(what, configs, **options)
    if "data" in options:
        raise InputError("configs: missing; write compare(name, {arm: config, ...}, data=...)")
    return compare_results(what, **options)


def compare_results(
    results: pd.DataFrame | Path | str,
    *,
    metric: Metric | str,
    arm: str | None = None,
    seed: str = "seed",
    better: Better | None = None,
    base: str | None = None,
    task: str | None = None,
    margin: float | None = None,
    pairing: str = "",
    mlflow: str | None = None,
    where: str = "",
) -> Result:
    """Return the comparison of results that mamlab did not train: `.arms`, `.comparisons`, `.report(out=FOLDER)`.

    Args:
        results: a pandas DataFrame, a CSV or Parquet file, or, with `mlflow`, the name of an experiment there.
        metric: the column of the values (or MLflow's metric); a `Metric` also says unit, scale and chance.
        arm: the column of the arms (tags.NAME or params.NAME in MLflow). None: a wide table, whose columns are arms.
        seed: the column of the seeds, whole numbers. Rows with the same seed are paired.
        better: "higher" or "lower". Default: guessed from the metric's name.
        base: the arm that the others are compared with. Default: the first.
        task: the column of the test tasks, if a run has one row per task; its value is their mean.
        margin: equivalence margin, in the displayed unit (points for percentages); smaller differences do not matter,
            so a comparison can be "equivalent".
        pairing: what runs with the same seed share ("initial weights, test tasks"), for the report.
        mlflow: URI of an MLflow store.
        where: an MLflow filter string for runs.

    Raises InputError naming invalid columns and rows.
    """
    margin = plain(margin)
    if isinstance(margin, bool) or not isinstance(margin, int | float | None):
        raise InputError(f"margin: must be a number, the largest difference that does not matter, not {show(margin)}")
    refuse_no_text("the URI of an MLflow store", mlflow=mlflow)
    found = metric if isinstance(metric, Metric) else Metric(metric, better or _by_name(metric))
    if isinstance(metric, Metric) and better is not None:
        raise InputError("better: the metric says it already; leave it out")
    columns, notes = Columns(arm or "", seed, found.name, task or ""), list[str]()
    if mlflow is not None:
        try:
            records, notes = records_in_mlflow(mlflow, str(results), columns, found, where)
        except ReportError as error:
            raise ReportError(redact(str(error))) from None
        source, description = f"experiment {results}", f"the MLflow experiment {results}"
    elif isinstance(results, Path | str):
        path = expanded(Path(results))
        records, description = records_in_file(path, columns, found)
        source = path.name
    else:
        if not hasattr(results, "columns"):
            raise InputError(f"results: must be a pandas frame or a file, not {show(results)}")
        records, source, description = records_in_frame(results, columns, found), "the frame", "a frame"
    if where and mlflow is None:
        raise InputError(f"where = {show(where)}: only an MLflow experiment is filtered; leave it out")
    info = compared(source, records, found, base, pairing, description, margin)
    return Result(replace(info, notes=(*info.notes, *notes)), tuple(records))


def _by_name(metric: str) -> Better:
    if not isinstance(metric, str):
        raise InputError(f"metric: must be the name of a metric, or a Metric, not {show(metric)}")
    return better_by_name(metric)
