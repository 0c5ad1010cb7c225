"""Deletes a study: its rows in both stores, artifacts, report, logs, and checkpoints that only it uses."""

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
from .clean import Unused, delete_one, find_unused, read_in_use, size_of


@dataclass(frozen=True)
class StudyContents:
    """What belongs to a study: experiment id (empty if MLflow has none), runs, fingerprints and folders."""

    experiment_id: str
    run_ids: tuple[str, ...]
    fingerprints: frozenset[str]
    folders: tuple[Path, ...]


def delete_study(home: Home, name: str, console: Console, sure: Callable[[str], bool]) -> int:
    """Delete a study if `sure` confirms the question it is given; return the exit status.

    Checkpoints that other studies use are kept. Raises UnknownStudyError, DriverBusy if the study is being run.
    """
    require_store(home)
    with driver_lock(home.locks / f"{name}.lock", name):
        client, storage = open_mlflow(home), open_optuna(home)
        contents = _read_contents(home, client, storage, name)
        size = size_text(sum(size_of(folder) for folder in contents.folders))
        served = home.mlflow_url.startswith("http")
        later = " (the MLflow server keeps them as deleted until `mlflow gc`)" if served else ""
        what = (
            f'study "{name}": {len(contents.run_ids)} runs in MLflow{later} and Optuna, its report, artifacts and logs'
        )
        if not sure(f"{what} ({size}), and checkpoints that no other study uses. Delete permanently?"):
            say(console, "Nothing was deleted.")
            return 1
        _from_stores(home, client, storage, name, contents)
        for folder in contents.folders:
            shutil.rmtree(folder, ignore_errors=True)
        for file in (snapshot_file(home, name), home.journal / f"{name}.jsonl", home.looks / f"{name}.jsonl"):
            file.unlink(missing_ok=True)
    found = [one for one in _checkpoints(home) if one.path.name in contents.fingerprints]
    deleted = [one for one in found if delete_one(one)]
    kept = sum((home.checkpoints / cell).is_dir() for cell in contents.fingerprints)
    freed = size_text(sum(one.size for one in deleted))
    say(console, f'Deleted: study "{name}", checkpoints of {len(deleted)} trainings ({freed}).')
    if kept:
        say(console, f"Kept the checkpoints of {kept} trainings: other studies use them.")
    return 0


def _read_contents(home: Home, client: Any, storage: Any, name: str) -> StudyContents:
    """Return what exists of a study. Raises UnknownStudyError if neither store has it, DriverBusy if it is running."""
    experiment = find_experiment(client, name)
    runs = list(runs_where(client, [experiment.experiment_id], view=ALL)) if experiment else []
    in_optuna = name in {one.study_name for one in storage.get_all_studies()}
    if not in_optuna and (experiment is None or parent_of(client, experiment.experiment_id) is None):
        known = ", ".join(study.name for study in read_studies(home)) or "none"
        raise UnknownStudyError(f"no study named {name!r} in {home.root} (studies: {known})")
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
    return StudyContents(experiment.experiment_id if experiment else "", ids, frozenset(cells), folders)


def _unlocked(home: Home) -> Home:
    """Return a home without locks, because this process holds the study's own."""
    return Home(home.root / "locks" / "none")


def _from_stores(home: Home, client: Any, storage: Any, name: str, contents: StudyContents) -> None:
    """Delete from Optuna, then from MLflow: if interrupted in between, the command can simply be repeated."""
    for study in storage.get_all_studies():
        if study.study_name == name:
            storage.delete_study(study._study_id)
    if not contents.experiment_id:
        return
    if home.mlflow_url.startswith("http"):
        client.delete_experiment(contents.experiment_id)
        return
    store = client._target._tracking_client.store
    for run_id in contents.run_ids:
        store._hard_delete_run(run_id)
    client.delete_experiment(contents.experiment_id)
    store._hard_delete_experiment(contents.experiment_id)


def _checkpoints(home: Home) -> list[Unused]:
    return [one for one in find_unused(home, read_in_use(home)) if one.path.parent == home.checkpoints]
