"""Where records come from: MLflow, or the files that an earlier report left."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import records as names
from .files import read_files
from .records import Family, ReportError, RunRecord, StudyInfo, Sweep, factorial_of

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment, Run

PAGE = 1000
"""Runs a request: ten thousand runs in one answer take 520 MB, in pages 64 MB."""


def from_files(folder: Path) -> tuple[StudyInfo, list[RunRecord]]:
    """Return the study and its records from runs.csv, per_task.parquet, curves.parquet and study.json in `folder`."""
    return read_files(folder)


def from_mlflow(tracking_uri: str, experiment_name: str) -> tuple[StudyInfo, list[RunRecord]]:
    """Return the study and its records from an MLflow store, with the histories of all epoch metrics.

    Raises ReportError if the store or the experiment does not exist.
    """
    _refuse_missing_file(tracking_uri)
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")  # a bar for each run's file
    from mlflow import MlflowClient  # a second of imports that reports from files do not need

    client = MlflowClient(tracking_uri)
    experiment = client.get_experiment_by_name(experiment_name)
    if experiment is None:
        known = ", ".join(sorted(e.name for e in client.search_experiments() if e.name != "Default")) or "none yet"
        raise ReportError(f"there is no study {experiment_name!r} in {tracking_uri}; its studies are: {known}")
    parents = list(_runs(client, experiment, names.ROLE_STUDY))
    children = [_record(client, run) for run in _runs(client, experiment, names.ROLE_RUN)]
    info = _study(experiment, parents[0].data.tags if parents else {}, children)
    if tracking_uri.startswith(("http://", "https://")):
        return StudyInfo(**{**vars(info), "mlflow_address": tracking_uri}), children
    return info, children


def _refuse_missing_file(tracking_uri: str) -> None:
    """MLflow would create the store that a mistyped address names."""
    path = tracking_uri.removeprefix("sqlite:///")
    if path != tracking_uri and not Path(path).is_file():
        raise ReportError(
            f"there is no MLflow store at {path}; run a study first, or set MAMLAB_HOME to the folder of its runs"
        )


def _runs(client: MlflowClient, experiment: Experiment, role: str) -> Iterator[Run]:
    token: str | None = None
    while True:
        page = client.search_runs(
            [experiment.experiment_id],
            f"tags.{names.TAG_ROLE} = '{role}'",
            max_results=PAGE,
            order_by=["attributes.start_time ASC"],
            page_token=token,
        )
        yield from page
        token = page.token
        if not token:
            return


def _record(client: MlflowClient, run: Run) -> RunRecord:
    tags = {key: value for key, value in sorted(run.data.tags.items()) if value}
    metrics = dict(sorted(run.data.metrics.items()))
    return RunRecord(
        run_id=run.info.run_id,
        experiment_id=run.info.experiment_id,
        study=tags.get(names.TAG_STUDY, ""),
        kind=tags.get(names.TAG_KIND, ""),
        name=run.info.run_name or tags.get(names.TAG_RUN_NAME, ""),
        arm=tags.get(names.TAG_ARM),
        seed=_whole(tags.get(names.TAG_SEED)),
        trial=_whole(tags.get(names.TAG_TRIAL)),
        state=tags.get(names.TAG_STATE, names.RUNNING if run.info.status == "RUNNING" else names.FAILED),
        cell=tags.get(names.TAG_CELL, ""),
        params={key: value for key, value in sorted(run.data.params.items()) if value},
        metrics=metrics,
        curves={metric: _history(client, run, metric) for metric in names.EPOCH_METRICS if metric in metrics},
        per_task=_per_task(client, run) if names.TEST_ACCURACY in metrics else {},
        tags=tags,
        started_at=_seconds(run.info.start_time),
        ended_at=_seconds(run.info.end_time),
    )


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.lstrip("-").isdigit() else None


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def _history(client: MlflowClient, run: Run, metric: str) -> list[tuple[int, float]]:
    """Return (step, value) by step; a step that was logged twice has its latest value."""
    points = sorted(client.get_metric_history(run.info.run_id, metric), key=lambda point: (point.step, point.timestamp))
    return sorted({point.step: point.value for point in points}.items())


def _per_task(client: MlflowClient, run: Run) -> dict[str, list[float]]:
    if names.PER_TASK_FILE not in {artifact.path for artifact in client.list_artifacts(run.info.run_id)}:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        path = client.download_artifacts(run.info.run_id, names.PER_TASK_FILE, folder)
        tree = json.loads(Path(path).read_text(encoding="utf-8"))
    return {which: [float(value) for value in tree[which]] for which in sorted(tree) if tree[which]}


def _study(experiment: Experiment, tags: Mapping[str, str], children: list[RunRecord]) -> StudyInfo:
    base, design = _json(tags.get(names.TAG_BASE_ARM)), _json(tags.get(names.TAG_DESIGN)) or {}
    return StudyInfo(
        name=experiment.name,
        kind=tags.get(names.TAG_KIND, children[0].kind if children else ""),
        experiment_id=experiment.experiment_id,
        base_arm=base if isinstance(base, str) else None,
        comparisons=tuple((arm, other) for arm, other in base) if isinstance(base, list) else (),
        families=tuple(
            Family(name, tuple((arm, other) for arm, other in pairs))
            for name, pairs in _json(tags.get(names.TAG_FAMILIES)) or ()
        ),
        factorial=factorial_of(design) if "factors" in design else None,
        sweep=Sweep(**design) if "path" in design else None,
        searched=tuple(_json(tags.get(names.TAG_SEARCHED)) or ()),
    )


def _json(text: str | None) -> Any:
    """Return the JSON value of `text`; text that is none stands for itself."""
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text
