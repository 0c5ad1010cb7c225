"""What happens to a home between two commands, and is undone."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from .command_homes import Place, contents

Fault = Callable[[Place], AbstractContextManager[Place]]


@contextmanager
def moved(place: Place) -> Iterator[Place]:
    """The home has another path."""
    now = replace(place, home=place.home.with_name("moved"))
    place.home.rename(now.home)
    yield now
    assert not place.home.exists(), "the old place was made again"


@contextmanager
def copied(place: Place) -> Iterator[Place]:
    """The home was copied, and the original is there."""
    now, before = replace(place, home=place.home.with_name("copy")), contents(place.home)
    shutil.copytree(place.home, now.home)
    yield now
    assert contents(place.home) == before, "the original was written into"


@contextmanager
def renamed(place: Place) -> Iterator[Place]:
    """The experiments have other names in MLflow."""
    _write(place, "UPDATE experiments SET name = 'my ' || name WHERE experiment_id != 0")
    yield place


@contextmanager
def run_deleted(place: Place) -> Iterator[Place]:
    """A complete run of each study was deleted in MLflow's UI."""
    delete_runs(place)
    yield place
    _write(place, "UPDATE runs SET lifecycle_stage = 'active'")


def delete_runs(place: Place, study: str = "%") -> None:
    """Delete a complete run of a study, or of each, as MLflow's UI does."""
    first = (
        "SELECT min(run_uuid) FROM runs JOIN tags USING (run_uuid) WHERE key = 'mamlab.state' AND value = 'complete' "
        "AND run_uuid IN (SELECT run_uuid FROM tags WHERE key = 'role' AND value = 'run') "
        f"AND experiment_id IN (SELECT experiment_id FROM experiments WHERE name LIKE '{study}') GROUP BY experiment_id"
    )
    _write(place, f"UPDATE runs SET lifecycle_stage = 'deleted' WHERE run_uuid IN ({first})")


@contextmanager
def missing(pattern: str, place: Place) -> Iterator[Place]:
    """What the pattern finds first in the folder (a file, or a folder) is not there."""
    there = sorted(place.folder.glob(pattern))[0]
    aside = place.folder / "aside"
    there.rename(aside)
    yield place
    for name in (there.name, f"{there.name}-wal", f"{there.name}-shm") if there.suffix == ".db" else (there.name,):
        _remove(there.with_name(name))
    aside.rename(there)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _write(place: Place, statement: str) -> None:
    with closing(sqlite3.connect(place.home / "mlflow.db")) as database:
        database.execute(statement)
        database.commit()


FAULTS: dict[str, Fault] = {
    "home moved": moved,
    "home copied": copied,
    "experiment renamed": renamed,
    "run deleted": run_deleted,
    "mlflow.db missing": partial(missing, "runs/mlflow.db"),
    "optuna.db missing": partial(missing, "runs/optuna.db"),
    "checkpoints missing": partial(missing, "runs/checkpoints"),
    "artifact missing": partial(missing, "runs/artifacts/ab/*/artifacts/per_task.json"),
    "report's file missing": partial(missing, "runs/reports/ab/runs.csv"),
    "data missing": partial(missing, "pics"),
}
