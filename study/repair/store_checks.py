"""Checks for disagreements between Optuna and MLflow about the runs of a study."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from reports import records
from reports.data.mlflow_runs import key_of, metric_of

from ..engine.attributes import label_of
from ..engine.mlflow_runs import STATUS
from . import fixes
from .disagreement import AGAIN, RESTART, Disagreement
from .state import StoredStudy, state_of


def lost_trials(stored: StoredStudy) -> Iterator[Disagreement]:
    """Trials missing in Optuna that MLflow has runs of."""
    if stored.lost is not None:
        yield Disagreement(
            f"{stored.lost.summary}; the next start rebuilds the trials from {stored.lost.runs}",
            f"rebuilt from {stored.lost.runs}",
            partial(fixes.rebuild_trials, stored),
        )


def deleted_own_run(stored: StoredStudy) -> Iterator[Disagreement]:
    """The study's parent run, deleted in MLflow."""
    if stored.parent.info.lifecycle_stage == "deleted":
        yield Disagreement(
            f"study {stored.name}: its parent run is deleted in MLflow",
            "restored",
            partial(fixes.restore_runs, stored, [stored.parent]),
        )


def duplicate_runs(stored: StoredStudy) -> Iterator[Disagreement]:
    """Several runs of one trial and seed: the most complete is kept."""
    kept: dict[tuple[int, int], Any] = {}
    for run in sorted(stored.runs, key=stored.completeness, reverse=True):
        if kept.setdefault(key_of(run), run) is not run:
            yield Disagreement(
                f"{run.info.run_name}: MLflow has two runs of this trial and seed",
                f"run {run.info.run_id} is deleted in MLflow; the one with more results is kept",
                partial(fixes.delete_run, stored, run),
            )


def conflicting_ends(stored: StoredStudy) -> Iterator[Disagreement]:
    """Runs that have ended in one store only, or differently in the other."""
    for run in stored.distinct_runs:
        trial, state = stored.trial_of(run), state_of(run)
        if trial is None:
            continue
        end = stored.end_of(run)
        name = run.info.run_name
        if state in records.ENDED and not end and not stored.driver:
            yield Disagreement(
                f"{name}: {state} in MLflow, but not ended in Optuna",
                f"ended as {state} in Optuna",
                partial(fixes.end_in_optuna, stored, run, trial),
            )
        elif end and end != state:
            yield _follow_optuna(stored, run, state, end)
        elif end and run.info.status != STATUS.get(state):
            yield Disagreement(
                f"{name}: {state}, but MLflow's status is {run.info.status}",
                f"set to {STATUS[state]}",
                partial(fixes.set_state, stored, run, state),
            )
        elif end == records.COMPLETE and not stored.several and trial.value != _score(run):
            yield Disagreement(
                f"{name}: validation {metric_of(run.data.tags).words} {_score(run)} in MLflow, {trial.value} in Optuna",
                AGAIN,
                partial(fixes.mark_for_rerun, stored, [trial.number]),
            )


def _follow_optuna(stored: StoredStudy, run: Any, state: str, end: str) -> Disagreement:
    fitting = fixes.fitting_end(stored, run, end)
    what = f"{run.info.run_name}: {state} in MLflow, {end} in Optuna"
    if fitting is None:
        again = partial(fixes.mark_for_rerun, stored, [key_of(run)[0]])
        return Disagreement(f"{what}, and its result is missing in MLflow", AGAIN, again)
    return Disagreement(what, f"set to {end} in MLflow", partial(fixes.set_state, stored, run, fitting))


def _score(run: Any) -> float | None:
    found: float | None = run.data.metrics.get(metric_of(run.data.tags).best_validation)
    return found


def lost_runs(stored: StoredStudy) -> Iterator[Disagreement]:
    """Trials without a run in MLflow, and runs without a trial in Optuna."""
    known = set(map(key_of, stored.runs))
    for number, trial in stored.trials.items():
        lost = [seed for seed in stored.seeds(trial) if (number, seed) not in known]
        if not lost or not trial.state.is_finished():
            continue
        if all((number, seed) in stored.deleted_runs for seed in lost):
            yield Disagreement(
                f"{label_of(trial)}: ended in Optuna, but its run is deleted in MLflow",
                "restored",
                partial(fixes.restore_runs, stored, [stored.deleted_runs[number, seed] for seed in lost]),
            )
        else:
            yield Disagreement(
                f"{label_of(trial)}: ended in Optuna, but it has no run in MLflow",
                AGAIN,
                partial(fixes.mark_for_rerun, stored, [number]),
            )
    others = {trial.number for trial in stored.others if trial.state.is_finished()}
    for run in stored.distinct_runs:
        number = key_of(run)[0]
        if stored.trial_of(run) is None and number in others:
            yield Disagreement(
                f"{run.info.run_name}: another tool ended trial {number} in Optuna",
                f"{RESTART}: a new trial takes its place",
            )
        elif stored.trial_of(run) is None and not (stored.lost and number in stored.lost.trials):
            yield Disagreement(
                f"{run.info.run_name}: a run in MLflow, but Optuna has no trial {number}",
                f"not made by mamlab; delete run {run.info.run_id} in the MLflow UI",
            )


def lost_results(stored: StoredStudy) -> Iterator[Disagreement]:
    """Complete runs with files or curves missing in MLflow that no checkpoint can restore."""
    for run in stored.distinct_runs:
        if state_of(run) != records.COMPLETE or stored.trial_of(run) is None:
            continue
        there = {file.path for file in stored.client.list_artifacts(run.info.run_id)}
        lacking = [name for name in records.RESULT_FILES if name not in there]
        if not stored.steps[run.info.run_id] and not stored.history(run):
            lacking.insert(0, "its curves")
        if lacking:
            yield Disagreement(
                f"{run.info.run_name}: complete, but missing in MLflow: {', '.join(lacking)}",
                AGAIN,
                partial(fixes.mark_for_rerun, stored, [key_of(run)[0]]),
            )
