"""Read-only access to a home: on a read-only disk, owned by another user, or moved while a driver runs in it.

SQLite and MLflow cannot open a store there, or would look for artifacts at the old path. So they get copies of the two
SQLite files in a temporary folder, with updated locations.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from reports.records import ReportError

from .home import Home
from .locations import find_moved, running_driver
from .sqlite_files import StoreBroken


@contextmanager
def readable(home: Home, *, as_it_is: bool = False) -> Iterator[Home]:
    """Yield `home`, or, if its stores cannot be written, a home that reads temporary copies of them.

    `as_it_is`: write nothing in the home, so use copies also if it was moved or Optuna's store is missing.
    """
    if not (home.mlflow_url.startswith("sqlite") and home.mlflow_db.exists()) or not _must_copy(home, as_it_is):
        yield home
        return
    with tempfile.TemporaryDirectory(prefix="mamlab-") as folder:
        for file in (home.mlflow_db, home.optuna_db):
            if file.exists():
                _copy(file, Path(folder) / file.name)
        try:
            yield replace(home, stores=Path(folder))
        except (StoreBroken, ReportError) as error:  # its message names the copy
            error.args = (str(error).replace(folder, str(home.root)),)
            raise


def _must_copy(home: Home, as_it_is: bool) -> bool:
    if not os.access(home.root, os.W_OK) or not os.access(home.mlflow_db, os.W_OK):
        return True
    if as_it_is and home.optuna_url.startswith("sqlite") and not home.optuna_db.exists():
        return True
    return bool((as_it_is or running_driver(home)) and find_moved(home))


def _copy(file: Path, to: Path) -> None:
    """Copy a database that others may be writing; copy the plain files if it cannot be opened."""
    try:
        with (
            closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(to)) as target,
        ):
            source.backup(target)
    except sqlite3.Error:
        for ending in ("", "-wal"):
            if (part := file.with_name(file.name + ending)).exists():
                shutil.copyfile(part, to.with_name(to.name + ending))
