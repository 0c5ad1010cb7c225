"""--trust-version: reuses what an earlier source of a method has trained, if its version is the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from reports import records
from reports.data.mlflow_runs import experiments_where, runs_where

from ..spec.config import StudyConfig
from ..spec.trained_by import without_source
from ..stores.connect import open_mlflow
from ..stores.home import Home


def with_trusted_version(config: StudyConfig, home: Home) -> StudyConfig:
    """Return the study with the source that this study, or else the home's newest of the same method and version, was
    trained by in its trainings' identity; a note says so. Unchanged if there is none, or it is the same.
    """
    if config.method.is_mamlpp:
        return config
    client = open_mlflow(home)
    everywhere = [experiment.experiment_id for experiment in experiments_where(client)]
    parents = runs_where(client, everywhere, f"tags.{records.TAG_ROLE} = '{records.ROLE_STUDY}'")
    ours = [run.data.tags for run in parents if _same(run.data.tags, config)]
    own = [tags for tags in ours if tags.get(records.TAG_STUDY) == config.study.name]
    found = next((tags[records.TAG_TRAINED_BY] for tags in reversed(own or ours)), config.trained_by)
    if found == config.trained_by:
        return config
    note = (
        f"--trust-version: the source of {config.method.address} has changed since version"
        f" {config.method.own.version} was first used here; earlier runs are reused, and new runs count as runs of the"
        " same version"
    )
    return replace(config, trained_by=found, trusted=config.trained_by, notes=(*config.notes, note))


def _same(tags: dict[str, Any], config: StudyConfig) -> bool:
    return without_source(tags.get(records.TAG_TRAINED_BY, "")) == without_source(config.trained_by)
