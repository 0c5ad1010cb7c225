"""A home that can be read and not written: on a read-only disk, another user's, or moved while a driver works in it.

SQLite and MLflow cannot open a store there, or would read artifacts at their old place. So they are shown copies of the
two SQLite files, in a temporary folder, whose locations are the home's.
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
from .locations import find_moved, living_driver
from .sqlite_files import StoreBroken


@contextmanager
def readable(home: Home, *, as_it_is: bool = False) -> Iterator[Home]:
    """Yield `home`, or while the block lasts one that reads copies of its stores, if they cannot be written.

    `as_it_is`: nothing in the home shall be written, so a home that was moved, or has lost Optuna's store, is read from
    copies, too.
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
        except (StoreBroken, ReportError) as error:  # which names the copy
            error.args = (str(error).replace(folder, str(home.root)),)
            raise


def _must_copy(home: Home, as_it_is: bool) -> bool:
    if not os.access(home.root, os.W_OK) or not os.access(home.mlflow_db, os.W_OK):
        return True
    if as_it_is and home.optuna_url.startswith("sqlite") and not home.optuna_db.exists():
        return True
    return bool((as_it_is or living_driver(home)) and find_moved(home))


def _copy(file: Path, to: Path) -> None:
    """Copy a database while others may write it; where it cannot be opened, as files."""
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
