"""Missing runs: ended according to Optuna or the plan, but not in MLflow."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reports import records
from reports.data.mlflow_runs import ACTIVE, DELETED, key_of, runs_where

from ..spec.config import SpecError
from ..spec.parsing import parse_spec
from ..stores.connect import open_trials
from ..stores.home import Home
from .attributes import label_of, stored_results
from .foreign_trials import is_ours
from .plan import planned_runs, run_label

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

MOST_NAMED = 10
Key = tuple[int, int]


@dataclass(frozen=True)
class MissingRuns:
    """The missing `runs`, whether all are merely `deleted` in MLflow, and why this `cannot` be determined."""

    study: str
    runs: tuple[str, ...] = ()
    deleted: bool = False
    cannot: str = ""

    @property
    def text(self) -> str:
        """The message with the command that restores the runs; empty if none is missing."""
        if not self.runs:
            return ""
        named = ", ".join(self.runs[:MOST_NAMED]) + (", ..." if len(self.runs) > MOST_NAMED else "")
        many = "1 ended run is" if len(self.runs) == 1 else f"{len(self.runs)} ended runs are"
        remedy = shlex.join(["mamlab", "doctor", self.study, "--fix"]) if self.deleted else "start the study again"
        return f"{many} missing in MLflow and not counted: {named}. To restore: {remedy}"


def find_missing_runs(
    home: Home, client: Any, study: str, experiment_id: str, spec: str, parent: Any, known: Collection[Key]
) -> MissingRuns:
    """Compare the `known` runs (trial, seed) of a study in MLflow with Optuna's finished trials.

    `parent` is the study's parent run or None. Without Optuna's store, a complete ablation is compared with its plan.
    """
    try:
        trials, superseded = open_trials(home, study)
    except Exception as error:  # whatever is wrong with Optuna's store, MLflow's can be read
        why = f"cannot tell whether runs are missing: {error.args[0] if isinstance(error, KeyError) else error}"
        return MissingRuns(study, _unplanned(client, experiment_id, spec, parent), cannot=why)
    try:
        seeds = parse_spec(spec, started=True).seeds if spec else ()
    except SpecError as error:  # a method's module that is gone, perhaps
        why = (
            f"cannot tell whether runs are missing, because the stored spec cannot be read: {' '.join(error.problems)}"
        )
        return MissingRuns(study, cannot=why)
    lost = {
        (trial.number, seed): f"{label_of(trial)}" + (f" / seed {seed}" if len(own) > 1 else "")
        for trial in trials
        if trial.state.is_finished() and is_ours(trial) and trial.number not in superseded
        for own in [_seeds(trial, seeds)]
        for seed in own
        if (trial.number, seed) not in known
    }
    if lost:  # a driver may have written since `known` was read
        now = _keys(client, experiment_id, ACTIVE)
        lost = {key: name for key, name in lost.items() if key not in now}
    names = [*lost.values()]
    own_run = parent is None or parent.info.lifecycle_stage == "deleted"
    in_bin = not lost or _keys(client, experiment_id, DELETED).issuperset(lost)
    if own_run and (trials or lost):
        names.append("the study's parent run")
        in_bin = in_bin and parent is not None
    return MissingRuns(study, tuple(names), deleted=in_bin)


def _seeds(trial: FrozenTrial, seeds: Sequence[int]) -> tuple[int, ...]:
    if "seed" in trial.user_attrs:
        return (int(trial.user_attrs["seed"]),)
    return tuple(stored_results(trial)) or tuple(seeds[:1])


def _keys(client: Any, experiment_id: str, view: int) -> set[Key]:
    where = f"tags.{records.TAG_ROLE} = '{records.ROLE_RUN}'"
    return {key_of(run) for run in runs_where(client, [experiment_id], where, view)}


def _unplanned(client: Any, experiment_id: str, spec: str, parent: Any) -> tuple[str, ...]:
    """Return the planned trainings of a complete ablation that have no run."""
    if not spec or parent is None or parent.data.tags.get(records.TAG_STATE) != records.COMPLETE:
        return ()
    try:
        config = parse_spec(spec, started=True)
    except SpecError:
        return ()
    if config.kind == "search":
        return ()
    where = f"tags.{records.TAG_ROLE} = '{records.ROLE_RUN}'"
    tags = [run.data.tags for run in runs_where(client, [experiment_id], where)]
    there = {(one.get(records.TAG_ARM) or None, int(one[records.TAG_SEED])) for one in tags}
    return tuple(run_label(config, arm, seed) for arm, seed in planned_runs(config) if (arm, seed) not in there)
