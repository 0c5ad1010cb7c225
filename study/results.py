"""The results of a study: its info and runs, read from its home."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reports.data.experiments import parent_of
from reports.data.loading import from_mlflow
from reports.records import RunRecord, StudyInfo

from .engine.missing_runs import MissingRuns, find_missing_runs
from .spec.searched_space import with_space
from .stores.connect import mlflow_address, open_mlflow
from .stores.home import Home
from .stores.outages import retry_while_locked
from .stores.urls import shown


def load(study: str, home: Home, afresh: bool = False) -> tuple[StudyInfo, list[RunRecord]]:
    """Return a study's info and runs; runs exported by its last report are read from there, unless `afresh`.

    Links lead to where `mamlab ui` served last, unless the store is a server. Raises StoreUnreachable, ReportError.
    """
    address = mlflow_address(home)
    exported = None if afresh else home.reports / study
    info, records = retry_while_locked(
        lambda: from_mlflow(address, study, exported),
        f"MLflow's store {shown(address)}",
    )
    lost = _missing(home, info, records)
    info = replace(info, missing=lost.text, notes=(*info.notes, *([lost.cannot] if lost.cannot else [])))
    return replace(with_space(info), mlflow_address=info.mlflow_address or home.ui_address), records


def warnings(info: StudyInfo) -> tuple[str, ...]:
    """Return notes for commands that use a study's runs, including missing runs."""
    return (*info.notes, *([info.missing] if info.missing else []))


def _missing(home: Home, info: StudyInfo, records: Sequence[RunRecord]) -> MissingRuns:
    client = open_mlflow(home)
    known = {(one.trial, one.seed) for one in records if one.trial is not None and one.seed is not None}
    parent = parent_of(client, info.experiment_id)
    return find_missing_runs(home, client, info.name, info.experiment_id, info.spec, parent, known)
