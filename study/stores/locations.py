"""Artifact locations stored in MLflow: absolute paths, which go stale when a home is moved or copied.

A copied home must not write into its original, nor a moved home recreate its old folder, so locations in another home
are rewritten before anything is read or written. In a SQLite store, which belongs to one home, that covers everything
mamlab wrote; in a server database, which homes may share, only folders that are missing there and present here.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from reports import records
from trainers.errors import InputError

from .home import Home
from .locks import holder

PLACES = (
    ("experiments", "experiment_id", "artifact_location"), ("runs", "run_uuid", "artifact_uri"),
    ("logged_models", "model_id", "artifact_location"), ("model_versions", "source", "source"),
    ("model_versions", "storage_location", "storage_location"),
)  # fmt: skip
"""Table, key and column of every location that MLflow stores."""
UNUSED = "NOT EXISTS (SELECT 1 FROM runs r WHERE r.experiment_id = e.experiment_id)"
OURS = f"""
SELECT artifact_location, lifecycle_stage, (SELECT COUNT(*) FROM runs r WHERE r.experiment_id = e.experiment_id)
FROM experiments e WHERE experiment_id != 0 AND (
  {UNUSED} OR EXISTS (SELECT 1 FROM runs r JOIN tags t ON t.run_uuid = r.run_uuid
             WHERE r.experiment_id = e.experiment_id AND t.key = '{records.TAG_STATE}'))
"""
STUDY = re.compile("(?P<home>/.*)/artifacts/(?P<study>[^/]+)")


Row = tuple[str, str, Any, str, str, str]
"""Table, key column, key, column, old location, new location."""


class LocationError(InputError):
    """The artifacts of a study are not in its home; the message names both folders and the remedy."""


@dataclass(frozen=True)
class Moved:
    """Stored locations that are not in this home."""

    homes: tuple[str, ...]
    """Former paths of the home."""
    rows: tuple[Row, ...]
    absent: tuple[Path, ...]
    """Old artifact folders of studies that have none in this home."""

    def summary(self, home: Home) -> str:
        """Return a one-line description."""
        count = len(self.rows)
        return (
            f"{count} stored location{'s name' if count != 1 else ' names'} {' and '.join(self.homes)}, not {home.root}"
        )


def find_moved(home: Home) -> Moved | None:
    """Compare every location in MLflow's store with the home; None if all are in it. Read-only.

    Also None for an MLflow server, which manages its own locations, and for a store that cannot be read: opening it
    reports why.
    """
    url = home.mlflow_url
    if url.startswith("http") or (url.startswith("sqlite") and not home.mlflow_db.exists()):
        return None
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with _connected(home) as connection:
            return _compare(connection, home)
    except SQLAlchemyError:
        return None


def update_locations(home: Home, tell: Callable[[str], None]) -> None:
    """Rewrite locations in another home, in one transaction, and report it through `tell`.

    The caller holds the stores' lock. Raises LocationError if artifacts are missing here or a driver of this home is
    running.
    """
    if home.mlflow_url.startswith("http"):
        return
    with _connected(home) as connection:
        moved = _compare(connection, home)
        if moved is None:
            return
        refuse_absent(moved, home)
        if home.stores is None and (busy := running_driver(home)):
            raise LocationError(
                f"{moved.summary(home)}; they cannot be rewritten while a driver is running: {busy}. Stop it first"
            )
        rewrite(connection, moved)
    if home.stores is None:
        tell(_done(moved, home))


def refuse_absent(moved: Moved, home: Home) -> None:
    """Raise LocationError if studies have no artifacts in this home."""
    if not moved.absent:
        return
    first = moved.absent[0]
    here = home.artifacts / first.name
    if first.is_dir():
        remedy = (
            f"copy them: {shlex.join(['mkdir', '-p', str(home.artifacts)])} &&"
            f" {shlex.join(['cp', '-a', str(first), str(here)])}"
        )
    else:
        remedy = (
            f"move that folder to {here}; if it is lost, continue without it: {shlex.join(['mkdir', '-p', str(here)])}"
        )
    raise LocationError(
        f"the artifacts of {len(moved.absent)} stud{'y are' if len(moved.absent) == 1 else 'ies are'} not in the home"
        f" {home.root}: "
        f'its store expects those of "{first.name}" in {first}; {remedy}'
    )


def running_driver(home: Home) -> str:
    """Return which driver of this home is running in another process; empty if none."""
    me = f"process {os.getpid()},"
    holders = {lock.stem: holder(lock) for lock in sorted(home.locks.glob("*.lock")) if lock.stem != "stores"}
    return next((f'"{study}" is run by {who}' for study, who in holders.items() if who and me not in who), "")


def rewrite(connection: Any, moved: Moved) -> None:
    """Write the new locations in one transaction."""
    from sqlalchemy import text

    for table, key_column, key, column, _, new in moved.rows:
        statement = text(f"UPDATE {table} SET {column} = :new WHERE {key_column} = :key")
        connection.execute(statement, {"new": new, "key": key})
    connection.commit()


def _done(moved: Moved, home: Home) -> str:
    copied = any(Path(old, "artifacts").is_dir() for old in moved.homes)
    was = "is a copy of" if copied else "was moved from"
    count = len(moved.rows)
    return (
        f"This home {was} {' and '.join(moved.homes)}: {count} stored location{'s' if count != 1 else ''} now "
        f"name{'s' if count == 1 else ''} {home.root}."
    )


@contextmanager
def _connected(home: Home) -> Iterator[Any]:
    import sqlalchemy
    from sqlalchemy.pool import NullPool

    engine = sqlalchemy.create_engine(home.mlflow_url, poolclass=NullPool)
    with engine.connect() as connection:
        yield connection


def _compare(connection: Any, home: Home) -> Moved | None:
    from sqlalchemy import text

    shared = not home.mlflow_url.startswith("sqlite")
    found: dict[str, tuple[re.Match[str], bool]] = {}
    for location, stage, runs in connection.execute(text(OURS)):
        match = STUDY.fullmatch(local_path(location) or "")
        if match and _elsewhere(match["home"], home) and not (shared and not _has_come(match, home)):
            found[match[0]] = (match, stage == "active" and runs > 0)
    if not found:
        return None
    homes = sorted({match["home"] for match, _ in found.values()})
    folders = set(found) if shared else {f"{old}/artifacts" for old in homes}
    absent = [
        Path(folder)
        for folder, (match, used) in found.items()
        if used and not (home.artifacts / match["study"]).is_dir()
    ]
    return Moved(tuple(homes), (*_rows(connection, home, folders), *_default(connection, home)), tuple(absent))


def _has_come(match: re.Match[str], home: Home) -> bool:
    return not Path(match[0]).is_dir() and (home.artifacts / match["study"]).is_dir()


def _elsewhere(old: str, home: Home) -> bool:
    """Whether `old` is another home, and not another path to this one."""
    if old == str(home.root):
        return False
    try:
        return not Path(old, "artifacts").samefile(home.artifacts)
    except OSError:
        return True


def _rows(connection: Any, home: Home, folders: set[str]) -> Iterator[Row]:
    from sqlalchemy import inspect, text

    there = set(inspect(connection).get_table_names())
    for table, key_column, column in (one for one in PLACES if one[0] in there):
        for key, place in connection.execute(text(f"SELECT DISTINCT {key_column}, {column} FROM {table}")):
            if new := _mapped(place, home, folders):
                yield table, key_column, key, column, place, new


def _default(connection: Any, home: Home) -> Iterator[Row]:
    """Yield the location of MLflow's "Default" experiment while it has no runs."""
    from sqlalchemy import text

    statement = f"SELECT artifact_location FROM experiments e WHERE experiment_id = 0 AND {UNUSED}"
    for (place,) in connection.execute(text(statement)):
        new = (home.artifacts / "0").as_uri()
        if local_path(place) not in (None, local_path(new)):
            yield "experiments", "experiment_id", 0, "artifact_location", place, new


def _mapped(place: str | None, home: Home, folders: set[str]) -> str | None:
    """Return the new location of one in the old `folders`; None for any other."""
    path = local_path(place)
    for folder in folders:
        if path and f"{path}/".startswith(f"{folder}/"):
            new = home.artifacts / path[folder.rindex("/artifacts") + len("/artifacts/") :]
            return new.as_uri() if str(place).startswith("file:") else str(new)
    return None


def local_path(place: str | None) -> str | None:
    """Return the absolute path of an MLflow location, None for one on a server."""
    if place and place.startswith("/"):
        return place.rstrip("/")
    return unquote(urlsplit(place).path).rstrip("/") if place and place.startswith("file:") else None
