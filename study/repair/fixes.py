"""Fixes for single disagreements between a study's stores. They do not train, and need the driver's lock."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports import records
from reports.data.mlflow_runs import key_of
from trainers.errors import InputError
from trainers.results import AnyEpoch

from ..engine.attributes import FROZEN, HELD_OUT, RESULT, SUPERSEDED, stored_results
from ..engine.home_watch import HomeWatch
from ..engine.journal import Journal
from ..engine.mlflow_runs import STATUS
from ..engine.rebuilding import rebuild
from ..engine.recorder import Recorder
from ..engine.tracking import Tracking
from ..engine.trial_end import end_trial, trial_end
from ..engine.trials import Trials
from ..stores.heartbeat import TAG
from .state import StoredStudy, state_of

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


def rebuild_trials(stored: StoredStudy) -> None:
    """Rebuild trials missing in Optuna from MLflow's runs."""
    checksum = stored.parent.data.tags.get(records.TAG_DATA_CHECKSUM, "")
    rebuild(stored.storage, stored.client, stored.home, stored.config, checksum)


def set_waiting(stored: StoredStudy, trial: FrozenTrial) -> None:
    """Set a running trial back to waiting; it keeps its number and parameters."""
    from optuna.trial import TrialState

    stored.storage.set_trial_state_values(trial._trial_id, TrialState.WAITING)


def set_state(stored: StoredStudy, run: Any, state: str) -> None:
    """Set the state of a run or of the parent run in MLflow, as the driver would have."""
    if run is stored.parent:
        stored.client.set_tag(run.info.run_id, TAG, "")
    stored.client.set_tag(run.info.run_id, records.TAG_STATE, state)
    if state == records.INTERRUPTED:
        stored.client.update_run(run.info.run_id, status=STATUS[state])
    else:
        stored.client.set_terminated(run.info.run_id, status=STATUS[state])


def record_missing(stored: StoredStudy, runs: Sequence[Any]) -> None:
    """Record in MLflow that the checkpoints of `runs` are deleted, so that they are not reported again."""
    for run in runs:
        stored.client.set_tag(run.info.run_id, records.TAG_CHECKPOINT, "gone")


def end_in_optuna(stored: StoredStudy, run: Any, trial: FrozenTrial) -> None:
    """End a run in Optuna with its state from MLflow; its trial ends with the last of its runs."""
    state, score = state_of(run), run.data.metrics.get(stored.config.metric.best_validation)
    trial, seed = stored.storage.get_trial(trial._trial_id), run.data.tags[records.TAG_SEED]
    if (held_out := run.data.metrics.get(records.HELD_OUT_ACCURACY)) is not None:
        stored.storage.set_trial_user_attr(trial._trial_id, HELD_OUT + seed, held_out)
    results = {int(seed): (state, score if state == records.COMPLETE else None)}
    if stored.several:
        stored.storage.set_trial_user_attr(trial._trial_id, RESULT + seed, [state, score])
        results |= stored_results(trial)
        if len(results) < len(stored.config.seeds):
            return
    elif stored.config.kind == "search":
        _report_epochs(stored, run, trial)
    end_trial(stored.storage, trial._trial_id, trial_end(results, stored.config))


def _report_epochs(stored: StoredStudy, run: Any, trial: FrozenTrial) -> None:
    for point in stored.client.get_metric_history(run.info.run_id, stored.config.metric.validation):
        if point.step not in trial.intermediate_values:
            stored.storage.set_trial_intermediate_value(trial._trial_id, point.step, point.value)


def write_epochs(stored: StoredStudy, run: Any, epochs: Sequence[AnyEpoch]) -> None:
    """Write epochs of a checkpoint to MLflow, each with its end time."""
    runs = Tracking(stored.client, stored.home, stored.config, "").runs
    for epoch in epochs:
        runs.log_epoch(run.info.run_id, epoch)
    runs.flush(run.info.run_id)


def delete_run(stored: StoredStudy, run: Any) -> None:
    """Delete a run in MLflow; its UI can restore it."""
    stored.client.delete_run(run.info.run_id)


def restore_runs(stored: StoredStudy, runs: Sequence[Any]) -> None:
    """Restore deleted runs in MLflow."""
    for run in runs:
        stored.client.restore_run(run.info.run_id)


def mark_for_rerun(stored: StoredStudy, numbers: Collection[int]) -> None:
    """Mark trials as superseded: the next start runs new ones with the same parameters, or arm and seed."""
    for run in stored.runs:
        if key_of(run)[0] in numbers:
            stored.client.set_tag(run.info.run_id, records.TAG_ROLE, records.ROLE_SUPERSEDED)
    study_id = stored.storage.get_study_id_from_name(stored.name)
    before = stored.storage.get_study_user_attrs(study_id).get(SUPERSEDED, ())
    stored.storage.set_study_user_attr(study_id, SUPERSEDED, sorted({*before, *numbers}))
    if numbers:
        set_state(stored, stored.parent, records.INTERRUPTED)


def remove(files: Sequence[Path]) -> None:
    """Delete files, if they still exist."""
    for file in files:
        file.unlink(missing_ok=True)


def replay(stored: StoredStudy) -> None:
    """Write the journal's events to the stores, as the next start would, without training or sampling."""
    before = state_of(stored.parent)
    frozen = stored.storage.get_study_user_attrs(stored.storage.get_study_id_from_name(stored.name))[FROZEN]
    checksum = json.loads(frozen)["data_checksum"]
    trials = Trials(stored.storage, stored.config, checksum)
    tracking = Tracking(stored.client, stored.home, stored.config, checksum)
    tracking.start(trials.open_runs, trials.not_ours)
    recorder = Recorder(trials, tracking, Journal(stored.journal.path), HomeWatch(stored.home))
    recorder.close(recorder.replay(), finished=before == records.COMPLETE)
    if recorder.behind:
        raise InputError(f"the journal could not be written to the stores: {recorder.away}")


def fitting_end(stored: StoredStudy, run: Any, state: str) -> records.EndState | None:
    """Return Optuna's end state for MLflow, None if MLflow lacks the metrics of a complete run."""
    if state == records.COMPLETE and stored.config.metric.best_validation not in run.data.metrics:
        return None
    found: records.EndState | None = state if state in STATUS else None  # type: ignore[assignment]
    return found
