"""The SQLite files of a home: created and migrated under a temporary name, then renamed, so no half-made file is seen.

The caller holds the lock of the home's stores. Old, incomplete and damaged files are distinguished and reported; no
file with content is ever removed.
"""

from __future__ import annotations

import os
import shlex
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from trainers.errors import InputError

from .schema import Schema

NO_DATABASE = "file is not a database"
BUSY_SECONDS, EXCLUSIVE_SECONDS = 60, 5.0
"""How long SQLite itself waits for another writer, and for a file that nobody else has open."""
DAMAGED = (NO_DATABASE, "malformed", "file is encrypted", "no such table", "no such column")
"""Parts of SQLite's messages about a damaged file."""
OTHERS = {"MLflow": ("Optuna", {"studies", "trials"}), "Optuna": ("MLflow", {"experiments", "runs"})}
"""By library: the other library, and two of its tables."""


class StoreBroken(InputError):
    """A SQLite file cannot be used as it is; the message names the file, the problem and the remedy."""


def ready(file: Path, schema: Schema, tell: Callable[[str], None]) -> None:
    """Create `file` if missing, or migrate it to the installed library's schema and report that through `tell`.

    Raises StoreBroken; sqlite3.Error and OSError for a store that is locked, unreachable or on a full disk.
    """
    new = file.with_name(f"{file.name}.new")
    _remove(new)
    if not file.exists():
        _set_aside_log(file)
        schema.make(new)
        _take_place(new, file)
        return
    revision, tables = _look(file, schema)
    if revision == schema.head and tables >= schema.tables:
        return
    _refuse_unfit(file, schema, revision, tables)
    kept = _migrate(file, new, schema, revision)
    tell(
        f"{file} was migrated to the schema of {schema.installed}; the old file is kept as {kept.name} "
        "(delete it once everything works)"
    )


def use_wal(file: Path) -> None:
    """Switch `file` to WAL mode, which is stored in the file: reading does not block writing."""
    with closing(sqlite3.connect(file, timeout=BUSY_SECONDS)) as database:
        if database.execute("PRAGMA journal_mode").fetchone() != ("wal",):
            database.execute("PRAGMA journal_mode=WAL")


def move(source: Path | str, target: Path | str) -> str:
    """Return the shell command that moves a file."""
    return shlex.join(["mv", str(source), str(target)])


def remedy_for(file: Path) -> str:
    """Return what to do about a damaged file; nothing is removed."""
    then = "the next start of a study then restores its runs from their checkpoints, or trains them again"
    if file.name == "optuna.db":
        then = "the next start of a study then rebuilds its trials from MLflow"
    return f"restore it from a backup, or set it aside with: {move(file, f'{file}.damaged')} ({then})"


def _look(file: Path, schema: Schema) -> tuple[str, set[str]]:
    """Return the schema revision (empty if there is none) and the tables. Raises StoreBroken."""
    if not file.stat().st_size:
        raise StoreBroken(f"{file} is empty (0 bytes), so it is not a store of {schema.library}; {remedy_for(file)}")
    try:
        with closing(sqlite3.connect(file, timeout=BUSY_SECONDS)) as database:
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            there = "alembic_version" in tables
            revisions = [one for (one,) in database.execute("SELECT version_num FROM alembic_version")] if there else []
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        what = "not a SQLite database" if NO_DATABASE in str(error) else f"damaged ({error})"
        raise StoreBroken(f"{file} is {what}; {remedy_for(file)}") from None
    return "".join(revisions), tables


def _refuse_unfit(file: Path, schema: Schema, revision: str, tables: set[str]) -> None:
    """Raise StoreBroken unless `file` was written by an earlier version of the library."""
    other, its = OTHERS[schema.library]
    if tables >= its:
        raise StoreBroken(
            f"{file} is a store of {other}, not of {schema.library}; were the two files swapped? Rename them back"
        )
    if revision and not schema.knows(revision):
        raise StoreBroken(
            f"{file} was written by a newer {schema.library} (schema {revision}; {schema.installed} has {schema.head}):"
            f" pip install --upgrade {schema.library.lower()}, or restore a backup from before"
        )
    if revision in ("", schema.head):
        lacking = sorted(schema.tables - tables)
        _raise_broken(file, schema, f"has no table {lacking[0]}" if lacking else "has no schema version")


def _raise_broken(file: Path, schema: Schema, why: str) -> None:
    """Raise StoreBroken for a file whose creation was interrupted, or that lost tables later."""
    if rows := _rows(file, schema.content):
        raise StoreBroken(f"{file} has {rows} {schema.content} but {why}; {remedy_for(file)}") from None
    raise StoreBroken(
        f"{file} is incomplete ({why}): the process that created it was stopped. It has no {schema.content}, so"
        f" nothing is lost. Set it aside, then run the command again: {move(file, f'{file}.half-made')}"
    ) from None


def _rows(file: Path, table: str) -> int:
    """Return how many rows `table` has, 0 if it does not exist."""
    with closing(sqlite3.connect(file, timeout=BUSY_SECONDS)) as database:
        if not database.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone():
            return 0
        return int(database.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])


def _migrate(file: Path, new: Path, schema: Schema, revision: str) -> Path:
    """Migrate a copy of `file` and replace `file` with it; return the backup. Raises StoreBroken."""
    kept = _free(file.with_name(f"{file.name}.before-{revision}"))
    with _exclusive(file) as database:
        for copy in (kept, new):
            with closing(sqlite3.connect(copy)) as target:
                database.backup(target)
        _flush(kept)
        failed = _failure(lambda: schema.upgrade(new))
        if not failed:
            _take_place(new, file)
    if failed:
        _remove(new)
        kept.unlink()
        _raise_broken(
            file, schema,
            f"has the older schema {revision}, and could not be migrated to {schema.installed} ({failed})",
        )  # fmt: skip
    return kept


def _failure(work: Callable[[], None]) -> str:
    """Return the error of `work` in one line; empty if it succeeded."""
    try:
        work()
    except Exception as error:
        return (str(error).splitlines() or [""])[0][:200] or type(error).__name__
    return ""


@contextmanager
def _exclusive(file: Path) -> Iterator[sqlite3.Connection]:
    """Open `file` exclusively, with its WAL merged into it. Raises StoreBroken."""
    with closing(sqlite3.connect(file, timeout=EXCLUSIVE_SECONDS, isolation_level=None)) as database:
        try:
            for statement in (
                "PRAGMA locking_mode=EXCLUSIVE",
                "PRAGMA journal_mode=DELETE",
                "BEGIN EXCLUSIVE",
                "COMMIT",
            ):
                # The exclusive lock outlives the transaction, within which no backup could be made.
                database.execute(statement)
        except sqlite3.OperationalError as error:
            raise StoreBroken(
                f"{file} has an older schema and must be migrated, but another process has it open"
                f" ({error}); stop that process (a driver, mamlab ui), then run the command again"
            ) from None
        yield database


def _take_place(new: Path, file: Path) -> None:
    """Flush `new`, whose connections are closed, and rename it to `file`."""
    use_wal(new)
    _flush(new)
    new.replace(file)
    _flush(file.parent)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(file: Path) -> None:
    """Remove an unfinished file and SQLite's files beside it."""
    for ending in ("", "-journal", "-wal", "-shm"):
        file.with_name(file.name + ending).unlink(missing_ok=True)


def _set_aside_log(file: Path) -> None:
    """Rename SQLite's logs of a missing file, or a new file of that name would apply them."""
    file.with_name(f"{file.name}-shm").unlink(missing_ok=True)
    for ending in ("-wal", "-journal"):
        log = file.with_name(file.name + ending)
        if log.exists():
            log.rename(_free(log.with_name(f"{log.name}.of-a-lost-{file.name}")))


def _free(path: Path) -> Path:
    """Return `path`, with a number appended if it exists."""
    number, found = 1, path
    while found.exists():
        number += 1
        found = path.with_name(f"{path.name}-{number}")
    return found


def damaged(error: BaseException) -> bool:
    """Whether `error`, from SQLite or a library that uses it, means that the file is damaged."""
    texts: list[str] = []
    one: BaseException | None = error
    while one is not None:
        texts.append(str(one))
        one = one.__cause__ or one.__context__
    return any(word in text for text in texts for word in DAMAGED)
