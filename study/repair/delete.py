"""A study's removal: from both stores, with its artifacts, report, logs, and the checkpoints that only it uses."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from reports import records
from reports.data.experiments import find_experiment, parent_of
from reports.data.mlflow_runs import ALL, runs_where

from ..engine.snapshot import snapshot_file
from ..engine.status import driver_of, read_studies
from ..stores.connect import open_mlflow, open_optuna
from ..stores.heartbeat import TAG
from ..stores.home import Home
from ..stores.locks import DriverBusy, driver_lock
from ..stores.study_names import UnknownStudyError, require_store
from ..text import say, size_text
from .clean import Unneeded, delete_one, find_unneeded, read_needed, size_of


@dataclass(frozen=True)
class Doomed:
    """What goes with a study: its experiment's id (empty if MLflow has none), its runs, and its own folders."""

    experiment_id: str
    run_ids: tuple[str, ...]
    fingerprints: frozenset[str]
    folders: tuple[Path, ...]


def delete_study(home: Home, name: str, console: Console, sure: Callable[[str], bool]) -> int:
    """Delete a study if `sure` says so when it is told what goes; return the exit status.

    Trainings that other studies use stay. Raises UnknownStudyError, DriverBusy if it is being run.
    """
    require_store(home)
    with driver_lock(home.locks / f"{name}.lock", name):
        client, storage = open_mlflow(home), open_optuna(home)
        doomed = _doomed(home, client, storage, name)
        size = size_text(sum(size_of(folder) for folder in doomed.folders))
        served = home.mlflow_url.startswith("http")
        bin_ = " (MLflow's server keeps them in its bin until `mlflow gc`)" if served else ""
        what = f'study "{name}": {len(doomed.run_ids)} runs in MLflow{bin_} and Optuna, its report, artifacts and logs'
        if not sure(f"{what} ({size}), and checkpoints that no other study uses. Delete it for good?"):
            say(console, "Nothing was deleted.")
            return 1
        _from_stores(home, client, storage, name, doomed)
        for folder in doomed.folders:
            shutil.rmtree(folder, ignore_errors=True)
        for file in (snapshot_file(home, name), home.journal / f"{name}.jsonl", home.looks / f"{name}.jsonl"):
            file.unlink(missing_ok=True)
    found = [one for one in _checkpoints(home) if one.path.name in doomed.fingerprints]
    gone = [one for one in found if delete_one(one)]
    kept = sum((home.checkpoints / cell).is_dir() for cell in doomed.fingerprints)
    say(console, f'Deleted: study "{name}", {len(gone)} trainings ({size_text(sum(one.size for one in gone))}).')
    if kept:
        say(console, f"{kept} of its trainings stay: other studies use them, or train them now.")
    return 0


def _doomed(home: Home, client: Any, storage: Any, name: str) -> Doomed:
    """Return what is there of a study. Raises UnknownStudyError if neither store has it, DriverBusy if it runs."""
    experiment = find_experiment(client, name)
    runs = list(runs_where(client, [experiment.experiment_id], view=ALL)) if experiment else []
    in_optuna = name in {one.study_name for one in storage.get_all_studies()}
    if not in_optuna and (experiment is None or parent_of(client, experiment.experiment_id) is None):
        known = ", ".join(study.name for study in read_studies(home)) or "none"
        raise UnknownStudyError(f"no study named {name!r} in {home.root} (there: {known})")
    for run in runs:
        elsewhere = run.data.tags.get(records.TAG_ROLE) == records.ROLE_STUDY and run.data.tags.get(TAG, "")
        if elsewhere and (driver := driver_of(_unlocked(home), name, elsewhere)):
            raise DriverBusy(f'study "{name}" is being run by {driver}; stop it there first')
    cells = {run.data.tags.get(records.TAG_CELL, "") for run in runs} - {""}
    folders = tuple(
        folder
        for folder in (home.artifacts / name, home.reports / name, home.logs / name)
        if folder.is_dir() and not folder.is_symlink()
    )
    ids = tuple(run.info.run_id for run in runs)
    return Doomed(experiment.experiment_id if experiment else "", ids, frozenset(cells), folders)


def _unlocked(home: Home) -> Home:
    """Return a home whose locks are nobody's: this process holds the study's own."""
    return Home(home.root / "locks" / "none")


def _from_stores(home: Home, client: Any, storage: Any, name: str, doomed: Doomed) -> None:
    """Delete from Optuna, then from MLflow: in between, the same command goes on, and a start makes Optuna's again."""
    for study in storage.get_all_studies():
        if study.study_name == name:
            storage.delete_study(study._study_id)
    if not doomed.experiment_id:
        return
    if home.mlflow_url.startswith("http"):
        client.delete_experiment(doomed.experiment_id)
        return
    store = client._target._tracking_client.store
    for run_id in doomed.run_ids:
        store._hard_delete_run(run_id)
    client.delete_experiment(doomed.experiment_id)
    store._hard_delete_experiment(doomed.experiment_id)


def _checkpoints(home: Home) -> list[Unneeded]:
    return [one for one in find_unneeded(home, read_needed(home)) if one.path.parent == home.checkpoints]
