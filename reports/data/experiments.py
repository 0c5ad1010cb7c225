"""Finds a study's MLflow experiment, even if it was renamed or deleted in the UI."""

from __future__ import annotations

import shlex
from contextlib import suppress
from typing import TYPE_CHECKING

from .. import records as names
from ..records import ReportError
from .mlflow_runs import ACTIVE, ALL, DELETED, experiments_where, quoted, runs_where

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment, Run

STUDY_TAG = "mamlab.study"
"""Tag of an experiment: the name of its study."""


def find_experiment(client: MlflowClient, study: str, known_id: str = "") -> Experiment | None:
    """Return the experiment of a study, None if there is none yet.

    Looked up by `known_id` (recorded in Optuna's storage), then by its tag, then by the study's own run in it (earlier
    versions wrote no tag), then by its name. Raises ReportError if it was deleted, or if two experiments match.
    """
    found = _by_id(client, study, known_id) or _tagged(client, study) or _with_parent(client, study)
    found = found or _by_name(client, study)
    there = [one for one in found if one.lifecycle_stage == "active"]
    if found and not there:
        raise ReportError(
            f'the MLflow experiment "{found[0].name}" was deleted in the UI; restore it with '
            f"`{_command(client, 'restore')} {found[0].experiment_id}`, or give the study a new name"
        )
    if len(there) > 1:
        there = [one for one in there if _has_runs(client, one)] or there[:1]
    if len(there) > 1:
        which = " and ".join(f'"{one.name}" (id {one.experiment_id})' for one in there)
        raise ReportError(
            f'two MLflow experiments hold runs of the study "{study}": {which}; delete the wrong one with '
            f"`{_command(client, 'delete')} ID` (it can be restored)"
        )
    return there[0] if there else None


def study_of(experiment: Experiment, parent: Run | None = None) -> str:
    """Return the name of an experiment's study."""
    said = parent.data.tags.get(names.TAG_STUDY) if parent else None
    return str(experiment.tags.get(STUDY_TAG) or said or experiment.name)


def renamed(experiment: Experiment, study: str) -> str:
    """Return a sentence with the experiment's name; empty if it is the study's name."""
    return "" if experiment.name == study else f'the study "{study}" is called "{experiment.name}" in MLflow now'


def parent_of(client: MlflowClient, experiment_id: str) -> Run | None:
    """Return the study's own run, even if it was deleted; None if there is none."""
    where = f"tags.{names.TAG_ROLE} = '{names.ROLE_STUDY}'"
    for view in (ACTIVE, DELETED):
        if runs := list(runs_where(client, [experiment_id], where, view)):
            return runs[-1] if view == DELETED else runs[0]
    return None


def _command(client: MlflowClient, what: str) -> str:
    """Return the MLflow command for an experiment in the client's store, without the experiment's id."""
    return f"MLFLOW_TRACKING_URI={shlex.quote(client.tracking_uri)} mlflow experiments {what} --experiment-id"


def _by_id(client: MlflowClient, study: str, known_id: str) -> list[Experiment]:
    from mlflow.exceptions import MlflowException

    found: list[Experiment] = []
    if known_id:
        with suppress(MlflowException):  # perhaps another store
            found = [client.get_experiment(known_id)]
    return [one for one in found if study_of(one, parent_of(client, one.experiment_id)) == study]


def _tagged(client: MlflowClient, study: str) -> list[Experiment]:
    return list(experiments_where(client, f"tags.`{STUDY_TAG}` = {quoted(study)}", ALL))


def _with_parent(client: MlflowClient, study: str) -> list[Experiment]:
    """Return the untagged experiments that hold a study's own run of that name."""
    every = {one.experiment_id: one for one in experiments_where(client, view=ALL) if STUDY_TAG not in one.tags}
    where = f"tags.{names.TAG_ROLE} = '{names.ROLE_STUDY}' and tags.{names.TAG_STUDY} = {quoted(study)}"
    ids = {run.info.experiment_id for run in runs_where(client, [*every], where, ALL)} if every else set()
    return [every[one] for one in sorted(ids)]


def _by_name(client: MlflowClient, study: str) -> list[Experiment]:
    one = client.get_experiment_by_name(study)
    if one is not None and one.tags.get(STUDY_TAG, study) != study:
        raise ReportError(
            f'the MLflow experiment "{study}" is that of the study "{one.tags[STUDY_TAG]}", under another name; rename'
            " it in the UI, or give this study a new name"
        )
    return [one] if one else []


def _has_runs(client: MlflowClient, experiment: Experiment) -> bool:
    where = f"tags.{names.TAG_ROLE} = '{names.ROLE_RUN}'"
    return bool(client.search_runs([experiment.experiment_id], where, max_results=1))
