"""What must hold after every fault, checked by one function."""

from __future__ import annotations

from typing import Any

from reports import records
from study.engine.mlflow_runs import STATUS
from study.spec.config import StudyConfig
from study.stores.connect import open_mlflow
from study.stores.home import Home
from tests.study_tests.store_rows import OPTUNA, mlflow_runs, optuna_trials, outcome, superseded
from trainers.checkpoint import CheckpointFolder

Key = tuple[str, int]
"""(arm, or trial of a search; seed)"""
Results = dict[Key, tuple[str, dict[str, str], dict[str, list[tuple[int, float]]], tuple[Any, ...]]]
"""Of each run that has ended: its state, its parameters, each metric's (step, value) points, and its trial in
Optuna.
"""

TIMES = {records.EPOCH_SECONDS, records.SECONDS, "tasks_per_second"}
"""Metrics that no two runs share."""
METRICS = tuple(sorted({*records.EPOCH_METRICS, *records.FINAL_METRICS} - TIMES))


def key_of(run: Any) -> Key:
    """Return the arm, or in a search the trial, and the seed of an MLflow run."""
    return run.data.tags.get("arm") or run.data.tags["trial"], int(run.data.tags["seed"])


def results(home: Home, config: StudyConfig) -> Results:
    """Return the numbers of all runs that have ended."""
    client = open_mlflow(home)
    trials = {trial.number: outcome(trial) for trial in optuna_trials(home, config.study.name)}
    found: Results = {}
    for run in mlflow_runs(home, config.study.name):
        state = run.data.tags[records.TAG_STATE]
        if state not in (records.INTERRUPTED, records.RUNNING):
            points = {name: client.get_metric_history(run.info.run_id, name) for name in METRICS}
            curves = {name: [(point.step, point.value) for point in history] for name, history in points.items()}
            found[key_of(run)] = (state, dict(run.data.params), curves, trials[int(run.data.tags["trial"])])
    return found


def check_invariants(
    home: Home, config: StudyConfig, calm: Results, *, before: Results | None = None, whole: bool = True
) -> None:
    """Assert that a study which was disturbed is as good as one that was not.

    Args:
        home, config: the study, after a clean stop or after it was started again and ended.
        calm: the results of the same study, undisturbed.
        before: results that were there at an earlier moment, none of which may be lost.
        whole: whether the study has come to its end.
    """
    trials = {trial.number: trial for trial in optuna_trials(home, config.study.name)}
    runs = mlflow_runs(home, config.study.name)
    now = results(home, config)
    assert len({key_of(run) for run in runs}) == len(runs), "a run was doubled"
    assert "RUNNING" not in {trial.state.name for trial in trials.values()}, "Optuna has a trial that nobody runs"
    assert _statuses(home, config) <= {"FINISHED", "FAILED", "SCHEDULED"}, "MLflow has a run that nobody runs"
    replaced = superseded(home, config.study.name)
    lost = {key for key in (before or {}).keys() - now.keys() if not (key[0].isdigit() and int(key[0]) in replaced)}
    assert not lost, "a finished run was lost"
    for key, numbers in now.items():
        assert numbers == calm[key], f"the numbers of run {key} changed"
    for run in runs:
        state = run.data.tags[records.TAG_STATE]
        assert run.info.status == STATUS[state]
        assert trials[int(run.data.tags["trial"])].state.name == OPTUNA.get(state, "FAIL"), "the stores disagree"
        _check_curves(home, run)
        if state == records.COMPLETE:
            _check_checkpoint(home, run, now)
    if whole:
        assert now.keys() == calm.keys(), "a run is missing"
        assert sorted(trials) == list(range(len(calm) + len(replaced)))


def _statuses(home: Home, config: StudyConfig) -> set[str]:
    client = open_mlflow(home)
    experiment = client.get_experiment_by_name(config.study.name)
    return {run.info.status for run in client.search_runs([experiment.experiment_id], max_results=5000)}


def _check_curves(home: Home, run: Any) -> None:
    client = open_mlflow(home)
    for name in {*METRICS, *TIMES}:
        steps = [point.step for point in client.get_metric_history(run.info.run_id, name)]
        assert len(steps) == len(set(steps)), f"{name} has a point twice"


def _check_checkpoint(home: Home, run: Any, now: Results) -> None:
    """The checkpoint of a complete run holds the very curve that MLflow shows."""
    state = CheckpointFolder(home.checkpoints / run.data.tags[records.TAG_CELL]).load()
    assert state is not None, "a complete run has no checkpoint"
    curve = [(epoch["epoch"], epoch["val_accuracy"]) for epoch in state["history"]]
    assert curve == now[key_of(run)][2][records.VAL_ACCURACY]
