"""Loads a study's records from MLflow or from an exported report."""

from __future__ import annotations

import json
import os
import shlex
import tempfile
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import records as names
from ..designs import across_of, factorial_of, families_of
from ..metric import ACCURACY, Metric
from ..origin import origin_of
from ..records import ReportError, RunRecord, StudyInfo, Sweep
from .experiments import find_experiment, parent_of, renamed, study_of
from .facts import read_facts
from .files import is_current, read_files
from .follow_up_results import fresh_seeds
from .mlflow_runs import experiments_where, metric_of, runs_where
from .series import Curve

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment, Run


MOST_NAMED = 10


class IncompleteRuns(ReportError):
    """Complete runs whose curve or results are missing in MLflow: a report would silently leave them out."""

    def __init__(self, study: str, lacking: Sequence[str]) -> None:
        more = [f"... and {len(lacking) - MOST_NAMED} more"] if len(lacking) > MOST_NAMED else []
        runs = "\n".join([*lacking[:MOST_NAMED], *more])
        of = f'of the study "{study}"'
        many = f"1 complete run {of} lacks" if len(lacking) == 1 else f"{len(lacking)} complete runs {of} lack"
        super().__init__(
            f"{many} results in MLflow, so no report or model is made from this study. To restore them, run "
            f"mamlab doctor {shlex.quote(study)} --fix, and start the study again if it says so\n{runs}"
        )


def from_files(folder: Path) -> tuple[StudyInfo, list[RunRecord]]:
    """Return the study and its records from runs.csv, per_task.parquet, curves.parquet and study.json in `folder`."""
    return read_files(folder)


def from_mlflow(
    tracking_uri: str, experiment_name: str, exported: Path | None = None
) -> tuple[StudyInfo, list[RunRecord]]:
    """Return the study and its records from an MLflow store, with the histories of all epoch metrics.

    Histories and per-task results of runs unchanged since they were written to the folder `exported` are read from
    there, because reading them from MLflow is slow. Raises ReportError if the store or the experiment does not exist,
    IncompleteRuns if a complete run has no curve or no results there.
    """
    _refuse_missing_file(tracking_uri)
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")  # else a progress bar for each run
    from mlflow import MlflowClient  # takes a second to import; reports from files do not need it

    client = MlflowClient(tracking_uri)
    experiment = find_experiment(client, experiment_name)
    if experiment is None:
        known = ", ".join(sorted(study_of(e) for e in experiments_where(client) if e.name != "Default")) or "none yet"
        raise ReportError(f"there is no study {experiment_name!r} in {tracking_uri}; its studies are: {known}")
    parent = parent_of(client, experiment.experiment_id)
    earlier = _earlier(exported)
    kind = parent.data.tags.get(names.TAG_KIND, "") if parent else ""
    facts = read_facts(client, parent) if parent else {}
    lacking: list[str] = []
    children = [_record(client, run, earlier, lacking) for run in _runs(client, experiment, names.ROLE_RUN)]
    if lacking:
        raise IncompleteRuns(experiment_name, lacking)
    info = study_info(experiment_name, kind, facts, children)
    info = replace(
        info, experiment_id=experiment.experiment_id, notes=tuple(filter(None, [renamed(experiment, experiment_name)]))
    )
    info = replace(info, spec=spec_of(client, parent) if parent else "")
    if info.searched:
        info = replace(info, fresh=fresh_seeds(client, info.name))
    if tracking_uri.startswith(("http://", "https://")):
        info = replace(info, mlflow_address=tracking_uri)
    return info, children


def _earlier(folder: Path | None) -> dict[str, RunRecord]:
    """Return the records of an earlier export by run id; empty if its format is older or it cannot be read."""
    if folder is None or not is_current(folder):
        return {}
    try:
        return {record.run_id: record for record in read_files(folder)[1]}
    except ReportError:
        return {}


def _refuse_missing_file(tracking_uri: str) -> None:
    """Refuse a store that does not exist: MLflow would create it."""
    path = tracking_uri.removeprefix("sqlite:///")
    if path != tracking_uri and not Path(path).is_file():
        raise ReportError(
            f"there is no MLflow store at {path}; run a study first, or set MAMLAB_HOME to the folder of its runs"
        )


def _runs(client: MlflowClient, experiment: Experiment, role: str) -> Iterator[Run]:
    return runs_where(client, [experiment.experiment_id], f"tags.{names.TAG_ROLE} = '{role}'")


def _record(client: MlflowClient, run: Run, earlier: Mapping[str, RunRecord], lacking: list[str]) -> RunRecord:
    """Return a run's record; the series of an unchanged run that has ended are taken from `earlier`.

    What a complete run lacks is appended to `lacking`.
    """
    record = _without_series(run)
    known = earlier.get(record.run_id)
    if known and record.state in names.ENDED and repr(record) == repr(replace(known, curves={}, per_task={})):
        return replace(record, curves=known.curves, per_task=known.per_task)
    measured = metric_of(run.data.tags)
    logged = [metric for metric in sorted(_curve_names(record, measured)) if metric in record.metrics]
    curves = {metric: _history(client, run, metric) for metric in logged}
    if record.state != names.COMPLETE:
        return replace(record, curves=curves)
    with tempfile.TemporaryDirectory() as folder:
        files = _Files(client, record.run_id, Path(folder))
        absent = [] if curves.get(measured.validation) else [f"no curve of {measured.validation}"]
        absent += [f"no {name}" for name in names.RESULT_FILES if name not in files]
        if absent:
            lacking.append(f"{record.name} ({record.run_id}): {', '.join(absent)}")
            return record
        return replace(record, curves=dict(sorted({**curves, **_planned(files)}.items())), per_task=_per_task(files))


def _curve_names(record: RunRecord, measured: Metric) -> set[str]:
    """Return which metrics of a run have a value an epoch: of another method than MAML++ all that are no final ones."""
    if measured == ACCURACY and names.TAG_METRIC not in record.tags:
        return {*names.EPOCH_METRICS}
    return {*record.metrics} - {*names.FINAL_METRICS, measured.best_validation, measured.test}


def _without_series(run: Run) -> RunRecord:
    tags = {key: value for key, value in sorted(run.data.tags.items()) if value}
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
        fingerprint=tags.get(names.TAG_CELL, ""),
        params={key: value for key, value in sorted(run.data.params.items()) if value},
        metrics=dict(sorted(run.data.metrics.items())),
        tags=tags,
        started_at=_seconds(run.info.start_time),
        ended_at=_seconds(run.info.end_time),
    )


def _whole(text: str | None) -> int | None:
    return int(text) if text and text.lstrip("-").isdigit() else None


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def _history(client: MlflowClient, run: Run, metric: str) -> Curve:
    """Return (step, value) pairs in order of step; of a step logged twice the latest value."""
    points = sorted(client.get_metric_history(run.info.run_id, metric), key=lambda point: (point.step, point.timestamp))
    return Curve.of(sorted({point.step: point.value for point in points}.items()))


class _Files:
    """The JSON artifacts of a run."""

    def __init__(self, client: MlflowClient, run_id: str, folder: Path) -> None:
        self._client, self._run_id, self._folder = client, run_id, folder
        self._present = {artifact.path for artifact in client.list_artifacts(run_id)}

    def __contains__(self, name: str) -> bool:
        return name in self._present

    def read(self, name: str) -> dict[str, Any]:
        """Return the object in the artifact `name`."""
        path = self._client.download_artifacts(self._run_id, name, str(self._folder))
        tree: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
        return tree


def _per_task(files: _Files) -> dict[str, array[float]]:
    lists = files.read(names.PER_TASK_FILE)
    lists |= lists.pop(names.AUDIT, {})
    return {which: array("d", lists[which]) for which in sorted(lists) if lists[which]}


def _planned(files: _Files) -> dict[str, Curve]:
    """Return the schedules by epoch, and the inner learning rates by inner step."""
    rates = {names.INNER_RATE + weight: rate for weight, rate in files.read(names.INNER_RATES_FILE).items()}
    return {
        name: Curve.of(enumerate(values, start=1))
        for name, values in {**files.read(names.SCHEDULES_FILE), **rates}.items()
    }


def spec_of(client: MlflowClient, parent: Run) -> str:
    """Return the text of the spec file kept by a study's own run; empty without one."""
    if names.SPEC_FILE not in {artifact.path for artifact in client.list_artifacts(parent.info.run_id)}:
        return ""
    with tempfile.TemporaryDirectory() as folder:
        path = client.download_artifacts(parent.info.run_id, names.SPEC_FILE, folder)
        return Path(path).read_text(encoding="utf-8")


def _trained_by(facts: Mapping[str, Any]) -> str:
    """Return who trained, and what else was taken for the same (`mamlab search --trust-version`)."""
    trained, trusted = facts.get(names.TAG_TRAINED_BY, ""), facts.get(names.TAG_TRUSTED, "")
    return f"{trained}; by --trust-version also {trusted}" if trusted else trained


def study_info(name: str, kind: str, facts: Mapping[str, Any], children: Sequence[RunRecord]) -> StudyInfo:
    """Return a study's info from its facts, which `study.engine.facts` makes, and its runs."""
    design = facts.get(names.TAG_DESIGN, {})
    return StudyInfo(
        name=name,
        kind=kind or (children[0].kind if children else ""),
        families=families_of(facts.get(names.TAG_FAMILIES, ())),
        factorial=factorial_of(design) if "factors" in design else None,
        sweep=Sweep(**design) if "path" in design else None,
        across=across_of(facts[names.TAG_ACROSS]) if names.TAG_ACROSS in facts else None,
        score=facts.get(names.TAG_SCORE, "mean"),
        finalists=facts.get(names.TAG_FINALISTS, 0),
        test=facts.get(names.TAG_TEST, "max_t"),
        adjust=facts.get(names.TAG_ADJUST, "family"),
        trained_by=_trained_by(facts),
        pairing=facts.get(names.TAG_PAIRING, "" if facts.get(names.TAG_TRAINED_BY) else names.MAMLPP_PAIRING),
        measured=metric_of(children[0].tags) if children else ACCURACY,
        looks=tuple(facts.get(names.TAG_LOOKS, ())),
        margin=facts.get(names.TAG_MARGIN),
        searched=tuple(facts.get(names.TAG_SEARCHED, ())),
        space=facts.get(names.TAG_SPACE, {}),
        origin=origin_of(facts[names.TAG_ORIGIN]) if names.TAG_ORIGIN in facts else None,
    )
