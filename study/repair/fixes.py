"""What mends one disagreement between the books of a study, without training. No driver may live meanwhile."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports import records
from reports.data.mlflow_runs import key_of
from trainers.results import EpochResult

from ..engine.foreign import STATE
from ..engine.home_watch import HomeWatch
from ..engine.journal import Journal
from ..engine.progress import EndState
from ..engine.rebuilding import rebuild
from ..engine.recorder import Ledger
from ..engine.tracking import STATUS, Tracking
from ..engine.trials import FROZEN, RESULT, SUPERSEDED, Trials
from ..spec.seed_groups import Results, group_value
from ..stores.heartbeat import TAG
from .state import Books, state_of

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


def rebuild_trials(books: Books) -> None:
    """Make the trials again that Optuna has lost, from MLflow's runs."""
    checksum = books.parent.data.tags.get(records.TAG_DATA_CHECKSUM, "")
    rebuild(books.storage, books.client, books.home, books.config, checksum)


def set_waiting(books: Books, trial: FrozenTrial) -> None:
    """Let a trial that Optuna has running wait again; it keeps number and parameters."""
    from optuna.trial import TrialState

    books.storage.set_trial_state_values(trial._trial_id, TrialState.WAITING)


def set_state(books: Books, run: Any, state: str) -> None:
    """Give a run (or the study's own) the state `state` in MLflow, as its driver would have."""
    if run is books.parent:
        books.client.set_tag(run.info.run_id, TAG, "")
    books.client.set_tag(run.info.run_id, records.TAG_STATE, state)
    if state == records.INTERRUPTED:
        books.client.update_run(run.info.run_id, status=STATUS[state])
    else:
        books.client.set_terminated(run.info.run_id, status=STATUS[state])


def note_gone(books: Books, runs: Sequence[Any]) -> None:
    """Note in MLflow that the checkpoints of `runs` are gone, so that nobody looks for them again."""
    for run in runs:
        books.client.set_tag(run.info.run_id, records.TAG_CHECKPOINT, "gone")


def end_in_optuna(books: Books, run: Any, trial: FrozenTrial) -> None:
    """End a run in Optuna as MLflow says it ended; its trial ends with the last of its runs."""
    state, score = state_of(run), run.data.metrics.get(records.BEST_VAL_ACCURACY)
    trial = books.storage.get_trial(trial._trial_id)
    results = {run.data.tags[records.TAG_SEED]: (state, score if state == records.COMPLETE else None)}
    if books.several:
        books.storage.set_trial_user_attr(trial._trial_id, RESULT + run.data.tags[records.TAG_SEED], [state, score])
        stored = {key: tuple(value) for key, value in trial.user_attrs.items() if key.startswith(RESULT)}
        results |= {key.removeprefix(RESULT): value for key, value in stored.items()}
        if len(results) < len(books.config.seeds):
            return
    elif books.config.kind == "search":
        _report_epochs(books, run, trial)
    _tell(books, trial, {int(seed): result for seed, result in results.items()})


def _report_epochs(books: Books, run: Any, trial: FrozenTrial) -> None:
    for point in books.client.get_metric_history(run.info.run_id, records.VAL_ACCURACY):
        if point.step not in trial.intermediate_values:
            books.storage.set_trial_intermediate_value(trial._trial_id, point.step, point.value)


def _tell(books: Books, trial: FrozenTrial, results: Results) -> None:
    from optuna.trial import TrialState

    state = next((state for state, _ in results.values() if state != records.COMPLETE), records.COMPLETE)
    ends = {records.COMPLETE: TrialState.COMPLETE, records.PRUNED: TrialState.PRUNED}
    values = None
    if (value := group_value(results, books.config.study.score)) is not None:
        values = [value]
    elif state == records.PRUNED and (reported := books.storage.get_trial(trial._trial_id).intermediate_values):
        values = [reported[max(reported)]]  # as Optuna's own `tell` does
    books.storage.set_trial_user_attr(trial._trial_id, STATE, state)
    books.storage.set_trial_state_values(trial._trial_id, ends.get(state, TrialState.FAIL), values)


def write_epochs(books: Books, run: Any, epochs: Sequence[EpochResult]) -> None:
    """Write epochs of a checkpoint into MLflow, each with the time when it ended."""
    tracking = Tracking(books.client, books.home, books.config, "")
    for epoch in epochs:
        tracking.log_epoch(run.info.run_id, epoch)
    tracking.flush(run.info.run_id)


def delete_run(books: Books, run: Any) -> None:
    """Put a run into MLflow's bin, from which its UI can take it back."""
    books.client.delete_run(run.info.run_id)


def take_out(books: Books, runs: Sequence[Any]) -> None:
    """Take runs out of MLflow's bin."""
    for run in runs:
        books.client.restore_run(run.info.run_id)


def run_again(books: Books, numbers: Collection[int]) -> None:
    """Mark trials as superseded: the next start puts another with the same parameters, or arm and seed, in their place."""
    for run in books.runs:
        if key_of(run)[0] in numbers:
            books.client.set_tag(run.info.run_id, records.TAG_ROLE, records.ROLE_SUPERSEDED)
    study_id = books.storage.get_study_id_from_name(books.name)
    before = books.storage.get_study_user_attrs(study_id).get(SUPERSEDED, ())
    books.storage.set_study_user_attr(study_id, SUPERSEDED, sorted({*before, *numbers}))
    if numbers:
        set_state(books, books.parent, records.INTERRUPTED)


def remove(files: Sequence[Path]) -> None:
    """Delete files that may be gone already."""
    for file in files:
        file.unlink(missing_ok=True)


def replay(books: Books) -> None:
    """Write what waits in the journal, as the next start would; nothing is trained, nothing new is drawn."""
    before = state_of(books.parent)
    frozen = books.storage.get_study_user_attrs(books.storage.get_study_id_from_name(books.name))[FROZEN]
    checksum = json.loads(frozen)["data_checksum"]
    trials = Trials(books.storage, books.config, checksum)
    tracking = Tracking(books.client, books.home, books.config, checksum)
    tracking.start(trials.open_runs, trials.not_ours)
    ledger = Ledger(trials, tracking, Journal(books.journal.path), HomeWatch(books.home))
    ledger.close(ledger.replay(), finished=before == records.COMPLETE)
    if ledger.behind:
        raise ValueError(f"the journal could not be written: {ledger.away}")


def fitting_end(books: Books, run: Any, state: str) -> EndState | None:
    """Return how MLflow can call the end that Optuna knows, None if it lacks the numbers of a complete run."""
    if state == records.COMPLETE and records.BEST_VAL_ACCURACY not in run.data.metrics:
        return None
    found: EndState | None = state if state in STATUS else None  # type: ignore[assignment]
    return found
