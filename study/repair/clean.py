"""Finds and deletes files in a home that no study uses.

A study no longer exists if its experiment was deleted in MLflow, or neither store has it. A checkpoint is in use as
long as a run of an existing study has its fingerprint.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from reports import records
from reports.data.experiments import study_of
from reports.data.mlflow_runs import ALL, DELETED, experiments_where, runs_where
from trainers.checkpoint import CheckpointFolder, TrainingBusy

from ..engine.journal import Journal
from ..engine.snapshot import SNAPSHOT
from ..stores.connect import open_mlflow, open_optuna
from ..stores.heartbeat import TAG, parse_driver_tag, running_drivers
from ..stores.home import Home
from ..stores.locks import DriverBusy, driver_lock, holder
from ..stores.look_record import holds_looks
from ..stores.study_names import require_store
from ..stores.urls import shown
from ..text import plain_table, say, size_text
from ..workers.executors.handshake import left_over

LISTED = 20
"""How many of the largest entries are listed; the others are counted."""
CELL = re.compile("[0-9a-f]{64}")
STORES_LOCK = "stores"


@dataclass(frozen=True)
class InUse:
    """What the studies of a home use: their names, and the fingerprints of their runs."""

    studies: frozenset[str]
    fingerprints: frozenset[str]


@dataclass(frozen=True)
class Unused:
    """A file or folder, why it can be deleted, and how many bytes that frees."""

    path: Path
    why: str
    size: int


def read_in_use(home: Home) -> InUse:
    """Read both stores. Raises UnknownStudyError if there is no store: an empty answer would delete everything."""
    require_store(home)
    client = open_mlflow(home)
    there, deleted = [*experiments_where(client)], {study_of(one) for one in experiments_where(client, view=DELETED)}
    studies, fingerprints = {name for one in there for name in (one.name, study_of(one))}, set[str]()
    for one in there:
        fingerprints |= {
            run.data.tags.get(records.TAG_CELL, "") for run in runs_where(client, [one.experiment_id], view=ALL)
        }
    for name, planned in _optuna_cells(home).items():
        if name not in deleted:
            studies.add(name)
            fingerprints |= planned
    return InUse(frozenset(studies), frozenset(fingerprints))


def _optuna_cells(home: Home) -> dict[str, set[str]]:
    """Return the fingerprints in Optuna's trials by study (ablations only; a search's are in MLflow)."""
    if home.optuna_url.startswith("sqlite") and not home.optuna_db.exists():
        return {}
    storage = open_optuna(home)
    trials = {study.study_name: storage.get_all_trials(study._study_id) for study in storage.get_all_studies()}
    return {name: {trial.user_attrs.get("cell", "") for trial in found} for name, found in trials.items()}


def find_unused(home: Home, used: InUse) -> list[Unused]:
    """Return what can be deleted, largest first; excludes what a process is using now."""
    left = [Unused(file, "left by a driver that was killed", size_of(file)) for file in left_over(home)]
    found = [*_checkpoints(home, used), *_of_deleted_studies(home, used), *left]
    return sorted(found, key=lambda one: (-one.size, one.path))


def _checkpoints(home: Home, used: InUse) -> Iterator[Unused]:
    for folder in home.checkpoints.glob("*"):
        if not CELL.fullmatch(folder.name) or folder.is_symlink() or holder(folder / "lock"):
            continue
        if folder.name not in used.fingerprints:
            yield Unused(folder, "no study uses this training", size_of(folder))
        else:
            for file in CheckpointFolder(folder, keep_all=True).leftovers():
                yield Unused(file, "partly written or damaged", size_of(file))


def _of_deleted_studies(home: Home, used: InUse) -> Iterator[Unused]:
    """Yield logs, journals, looks and snapshots of deleted studies; other files there are the user's, and kept."""
    for path in home.logs.glob("*"):
        if path.name not in used.studies and not path.is_symlink() and (logs := _own_files(path)):
            yield Unused(path, "its study no longer exists", sum(map(size_of, logs)))
    for path in home.journal.glob("*.jsonl"):
        if path.stem not in used.studies and not path.is_symlink() and Journal(path).read():
            yield Unused(path, "its study no longer exists", size_of(path))
    for path in home.looks.glob("*.jsonl"):
        if path.stem not in used.studies and not path.is_symlink() and holds_looks(path):
            yield Unused(path, "its study no longer exists", size_of(path))
    for path in home.journal.glob(f"*{SNAPSHOT}"):
        if path.name.removesuffix(SNAPSHOT) not in used.studies and not path.is_symlink():
            yield Unused(path, "its study no longer exists", size_of(path))


def _own_files(folder: Path) -> list[Path]:
    """Return the files in a folder of logs or checkpoints that mamlab wrote."""
    patterns = ("worker-*.log", "*.ckpt", "*.damaged", "*.tmp-*", "attempt", "lock")
    found = [file for pattern in patterns for file in folder.glob(pattern)]
    return sorted({file for file in found if file.is_file() and not file.is_symlink()})


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files below a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def clean(home: Home, console: Console, *, yes: bool) -> None:
    """Print what no study uses; with `yes`, delete it.

    Raises UnknownStudyError if there is no store yet, DriverBusy with `yes` while a driver of the home is running,
    here or elsewhere.
    """
    with ExitStack() as locks:
        for lock in sorted(home.locks.glob("*.lock")) if yes else ():
            if lock.stem != STORES_LOCK:
                locks.enter_context(driver_lock(lock, lock.stem))
        if yes:
            _refuse_drivers(home)
        used = read_in_use(home)
        found = find_unused(home, used)
        deleted = [one for one in found if delete_one(one)] if yes else []
    _print(home, console, deleted if yes else found, yes=yes)
    if busy := len(found) - len(deleted) if yes else 0:
        say(console, f"{busy} could not be deleted: in use, or no permission.")
    own = replace(home, stores=None)
    say(
        console,
        f"Studies: {len(used.studies - {'Default'})}, in {shown(own.optuna_url)} and {shown(own.mlflow_url)}.",
        "dim",
    )


def _refuse_drivers(home: Home) -> None:
    """Raise DriverBusy if a driver on another machine uses this home: its lock may not be visible here."""
    require_store(home)
    client = open_mlflow(home)

    def driver_tags() -> dict[str, str]:
        role = f"tags.{records.TAG_ROLE} = '{records.ROLE_STUDY}'"
        runs = runs_where(client, [one.experiment_id for one in experiments_where(client)], role)
        tags = {run.data.tags.get(records.TAG_STUDY, run.info.run_id): run.data.tags.get(TAG, "") for run in runs}
        return {
            study: tag for study, tag in tags.items() if (one := parse_driver_tag(tag)) and one.home == str(home.root)
        }

    for study, driver in running_drivers(driver_tags, home.root).items():
        raise DriverBusy(f'study "{study}" is being run by {driver}, in this home; stop it there first')


def delete_one(one: Unused) -> bool:
    """Delete it and return whether it is gone; keeps a training that has started again, and files not from mamlab."""
    if one.path.is_dir() and CELL.fullmatch(one.path.name):
        folder = CheckpointFolder(one.path, "clean")
        with suppress(OSError, TrainingBusy):
            folder.acquire()
            _delete_own(one.path)
        folder.release()
    elif one.path.is_dir():
        with suppress(OSError):
            _delete_own(one.path)
    else:
        with suppress(OSError):
            one.path.unlink(missing_ok=True)
    return not one.path.exists()


def _delete_own(folder: Path) -> None:
    for file in _own_files(folder):
        file.unlink(missing_ok=True)
    folder.rmdir()


def _print(home: Home, console: Console, found: list[Unused], *, yes: bool) -> None:
    if not found:
        say(console, "Nothing to clean: every file is still used by a study.")
        return
    table = plain_table("deleted" if yes else "no study uses", "why", "size", numbers=["size"])
    for one in found[:LISTED]:
        table.add_row(_short(one.path.relative_to(home.root)), one.why, size_text(one.size))
    if rest := found[LISTED:]:
        table.add_row(f"... and {len(rest)} more", "", size_text(sum(one.size for one in rest)))
    console.print(table)
    total = size_text(sum(one.size for one in found))
    ending = "deleted." if yes else "in total. To delete: mamlab clean --yes"
    say(console, f"{total} {ending}")


def _short(path: Path) -> str:
    """Return a path with its fingerprint cut to the 12 characters shown elsewhere."""
    return "/".join(f"{part[:12]}.." if CELL.fullmatch(part) else part for part in path.parts)
