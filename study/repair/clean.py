"""What lies in a home and no study uses, and its removal.

A study is gone when its experiment was deleted in MLflow, or neither store knows it. The numbers of a study that is
there are in its stores; its checkpoints stay as long as one of its runs has their fingerprint.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from reports import records
from reports.data.mlflow_runs import ALL, runs_where
from trainers.checkpoint import CheckpointFolder, TrainingBusy

from ..engine.journal import Journal
from ..engine.snapshot import SNAPSHOT
from ..stores.connect import open_mlflow, open_optuna
from ..stores.heartbeat import TAG, living, read_sign
from ..stores.home import Home
from ..stores.locks import DriverBusy, driver_lock, holder
from ..stores.look_record import holds_looks
from ..stores.study_names import require_store
from ..stores.urls import shown
from ..text import plain_table, say, size_text
from ..workers.executors.handshake import left_over

LISTED = 20
"""So many are named, the largest; the others are counted."""
CELL = re.compile("[0-9a-f]{64}")
STORES_LOCK = "stores"


@dataclass(frozen=True)
class Needed:
    """What the studies of a home need: their names, and the fingerprints of their runs."""

    studies: frozenset[str]
    fingerprints: frozenset[str]


@dataclass(frozen=True)
class Unneeded:
    """A file or folder, why it can go, and how many bytes that frees."""

    path: Path
    why: str
    size: int


def read_needed(home: Home) -> Needed:
    """Ask both stores. Raises UnknownStudyError if there is no store yet, so that nothing is taken for unneeded by
    mistake.
    """
    require_store(home)
    client = open_mlflow(home)
    there, deleted = _experiments(client, "active_only"), _experiments(client, "deleted_only")
    studies, fingerprints = set(there), set[str]()
    for experiment_id in there.values():
        fingerprints |= {
            run.data.tags.get(records.TAG_CELL, "") for run in runs_where(client, [experiment_id], view=ALL)
        }
    for name, planned in _optuna_cells(home).items():
        if name not in deleted:
            studies.add(name)
            fingerprints |= planned
    return Needed(frozenset(studies), frozenset(fingerprints))


def _experiments(client: Any, which: str) -> dict[str, str]:
    """Return the ids of MLflow's experiments by name."""
    from mlflow.entities import ViewType

    found: dict[str, str] = {}
    token = None
    while True:
        page = client.search_experiments(view_type=ViewType.from_string(which), page_token=token)
        found |= {one.name: one.experiment_id for one in page}
        token = page.token
        if not token:
            return found


def _optuna_cells(home: Home) -> dict[str, set[str]]:
    """Return the fingerprints that Optuna's trials name (an ablation's; a search's are in MLflow), by study."""
    if home.optuna_url.startswith("sqlite") and not home.optuna_db.exists():
        return {}
    storage = open_optuna(home)
    trials = {study.study_name: storage.get_all_trials(study._study_id) for study in storage.get_all_studies()}
    return {name: {trial.user_attrs.get("cell", "") for trial in found} for name, found in trials.items()}


def find_unneeded(home: Home, needed: Needed) -> list[Unneeded]:
    """Return what can go, the largest first; what is in use now is left out."""
    left = [Unneeded(file, "left by a driver that was killed", size_of(file)) for file in left_over(home)]
    found = [*_checkpoints(home, needed), *_of_gone_studies(home, needed), *left]
    return sorted(found, key=lambda one: (-one.size, one.path))


def _checkpoints(home: Home, needed: Needed) -> Iterator[Unneeded]:
    for folder in home.checkpoints.glob("*"):
        if not CELL.fullmatch(folder.name) or folder.is_symlink() or holder(folder / "lock"):
            continue
        if folder.name not in needed.fingerprints:
            yield Unneeded(folder, "no study uses this training", size_of(folder))
        else:
            for file in CheckpointFolder(folder, keep_all=True).leftovers():
                yield Unneeded(file, "partly written or damaged", size_of(file))


def _of_gone_studies(home: Home, needed: Needed) -> Iterator[Unneeded]:
    """Logs, journals, looks and snapshots; other files there are somebody's own, and left."""
    for path in home.logs.glob("*"):
        if path.name not in needed.studies and not path.is_symlink() and (logs := _own_files(path)):
            yield Unneeded(path, "its study no longer exists", sum(map(size_of, logs)))
    for path in home.journal.glob("*.jsonl"):
        if path.stem not in needed.studies and not path.is_symlink() and Journal(path).read():
            yield Unneeded(path, "its study no longer exists", size_of(path))
    for path in home.looks.glob("*.jsonl"):
        if path.stem not in needed.studies and not path.is_symlink() and holds_looks(path):
            yield Unneeded(path, "its study no longer exists", size_of(path))
    for path in home.journal.glob(f"*{SNAPSHOT}"):
        if path.name.removesuffix(SNAPSHOT) not in needed.studies and not path.is_symlink():
            yield Unneeded(path, "its study no longer exists", size_of(path))


def _own_files(folder: Path) -> list[Path]:
    """Return the files that workers write into a folder of logs, or of checkpoints."""
    patterns = ("worker-*.log", "*.ckpt", "*.damaged", "*.tmp-*", "attempt", "lock")
    found = [file for pattern in patterns for file in folder.glob(pattern)]
    return sorted({file for file in found if file.is_file() and not file.is_symlink()})


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of all files below a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def clean(home: Home, console: Console, *, yes: bool) -> None:
    """Print what no study uses, and with `yes` delete it.

    Raises UnknownStudyError if there is no store yet, DriverBusy with `yes` while a driver of the home lives, here or
    elsewhere.
    """
    with ExitStack() as locks:
        for lock in sorted(home.locks.glob("*.lock")) if yes else ():
            if lock.stem != STORES_LOCK:
                locks.enter_context(driver_lock(lock, lock.stem))
        if yes:
            _refuse_drivers(home)
        needed = read_needed(home)
        found = find_unneeded(home, needed)
        gone = [one for one in found if delete_one(one)] if yes else []
    _print(home, console, gone if yes else found, yes=yes)
    if busy := len(found) - len(gone) if yes else 0:
        say(console, f"{busy} could not be deleted: in use, or no permission.")
    own = replace(home, stores=None)
    say(
        console,
        f"Studies: {len(needed.studies - {'Default'})}, by {shown(own.optuna_url)} and {shown(own.mlflow_url)}.",
        "dim",
    )


def _refuse_drivers(home: Home) -> None:
    """Raise DriverBusy if a driver of another machine works in this home, where its lock may not be seen."""
    require_store(home)
    client = open_mlflow(home)

    def signs() -> dict[str, str]:
        role = f"tags.{records.TAG_ROLE} = '{records.ROLE_STUDY}'"
        runs = runs_where(client, list(_experiments(client, "active_only").values()), role)
        tags = {run.data.tags.get(records.TAG_STUDY, run.info.run_id): run.data.tags.get(TAG, "") for run in runs}
        return {study: tag for study, tag in tags.items() if (one := read_sign(tag)) and one.home == str(home.root)}

    for study, driver in living(signs, home.root).items():
        raise DriverBusy(f'study "{study}" is being run by {driver}, in this home; stop it there first')


def delete_one(one: Unneeded) -> bool:
    """Delete, and return whether it is gone; a training that runs by now stays, and what is not mamlab's."""
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


def _print(home: Home, console: Console, found: list[Unneeded], *, yes: bool) -> None:
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
    """Return a path with its fingerprint cut to the 12 characters by which it is called elsewhere."""
    return "/".join(f"{part[:12]}.." if CELL.fullmatch(part) else part for part in path.parts)
