"""The SQLite files of a home: made and migrated beside their place and renamed, so that nobody ever sees a half-made
one.

Whoever calls holds the lock of the home's stores. What an earlier version, a copy or a disk left is told apart and
named; no file with content is ever removed.
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
BUSY_SECONDS = 60
"""SQLite itself waits so long for another writer."""
DAMAGED = (NO_DATABASE, "malformed", "file is encrypted", "no such table", "no such column")
"""What SQLite says of a file that has lost something."""
OTHERS = {"MLflow": ("Optuna", {"studies", "trials"}), "Optuna": ("MLflow", {"experiments", "runs"})}
"""By library: the other one, and two of its tables."""


class StoreBroken(InputError):
    """A SQLite file that cannot be used as it is; the message names it, what it is, and the way out."""


def ready(file: Path, schema: Schema, tell: Callable[[str], None]) -> None:
    """Make `file` if it is missing, or bring it to the installed library's schema; `tell` gets a line about the latter.

    Raises StoreBroken; sqlite3.Error and OSError of a store that is locked, away or full.
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
        f"{file} is now of the schema of {schema.installed}; as it was, it is kept: {kept.name} "
        "(remove it when all is well)"
    )


def use_wal(file: Path) -> None:
    """Let readers and the writer of `file` go on side by side; the mode stays in the file."""
    with closing(sqlite3.connect(file, timeout=BUSY_SECONDS)) as database:
        if database.execute("PRAGMA journal_mode").fetchone() != ("wal",):
            database.execute("PRAGMA journal_mode=WAL")


def move(source: Path | str, target: Path | str) -> str:
    """Return the command of a shell that moves a file."""
    return shlex.join(["mv", str(source), str(target)])


def way_out(file: Path) -> str:
    """Return what to do about a file that is damaged: nothing is removed, and what there is else."""
    then = "the next start of a study then brings its runs back from their checkpoints, or trains them"
    if file.name == "optuna.db":
        then = "the next start of a study then makes its trials again from MLflow"
    return f"put a copy of it back, or set it aside with: {move(file, f'{file}.damaged')} ({then})"


def _look(file: Path, schema: Schema) -> tuple[str, set[str]]:
    """Return the schema's revision, empty if there is none, and the tables. Raises StoreBroken."""
    if not file.stat().st_size:
        raise StoreBroken(f"{file} is empty (0 bytes), so it is no store of {schema.library}; {way_out(file)}")
    try:
        with closing(sqlite3.connect(file, timeout=BUSY_SECONDS)) as database:
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            there = "alembic_version" in tables
            revisions = [one for (one,) in database.execute("SELECT version_num FROM alembic_version")] if there else []
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        what = "no SQLite database" if NO_DATABASE in str(error) else f"damaged ({error})"
        raise StoreBroken(f"{file} is {what}; {way_out(file)}") from None
    return "".join(revisions), tables


def _refuse_unfit(file: Path, schema: Schema, revision: str, tables: set[str]) -> None:
    """Raise StoreBroken unless `file` is of an earlier version of the library."""
    other, its = OTHERS[schema.library]
    if tables >= its:
        raise StoreBroken(
            f"{file} is a store of {other}, not of {schema.library}; put the two files back by their names"
        )
    if revision and not schema.knows(revision):
        raise StoreBroken(
            f"{file} was written by a newer {schema.library} (schema {revision}; {schema.installed} has {schema.head}):"
            f" pip install --upgrade {schema.library.lower()}, or put back a copy from before"
        )
    if revision in ("", schema.head):
        lacking = sorted(schema.tables - tables)
        _raise_broken(file, schema, f"lacks the table {lacking[0]}" if lacking else "lacks its schema version")


def _raise_broken(file: Path, schema: Schema, why: str) -> None:
    """Raise StoreBroken for a file that somebody was stopped in making, or that has lost something since."""
    if rows := _rows(file, schema.content):
        raise StoreBroken(f"{file} has {rows} {schema.content} but {why}; {way_out(file)}") from None
    raise StoreBroken(
        f"{file} is half made ({why}): whoever made it was stopped before it was done. It has no {schema.content}, so"
        f" nothing is lost: {move(file, f'{file}.half-made')}, and give the command again"
    ) from None


def _rows(file: Path, table: str) -> int:
    """Return how many rows `table` has, 0 if it is not there."""
    with closing(sqlite3.connect(file, timeout=BUSY_SECONDS)) as database:
        if not database.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone():
            return 0
        return int(database.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])


def _migrate(file: Path, new: Path, schema: Schema, revision: str) -> Path:
    """Migrate a copy of `file` and put it in its place; return the file that is kept as it was. Raises StoreBroken."""
    kept = _free(file.with_name(f"{file.name}.before-{revision}"))
    with _alone(file) as database:
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
            f"is of the older schema {revision}, and could not be migrated to {schema.installed} ({failed})",
        )  # fmt: skip
    return kept


def _failure(work: Callable[[], None]) -> str:
    """Return what `work` failed of, in a line; empty if it did not."""
    try:
        work()
    except Exception as error:
        return (str(error).splitlines() or [""])[0][:200] or type(error).__name__
    return ""


@contextmanager
def _alone(file: Path) -> Iterator[sqlite3.Connection]:
    """Be the only one who has `file` open, and hold it; its log is merged into it. Raises StoreBroken."""
    with closing(sqlite3.connect(file, timeout=5, isolation_level=None)) as database:
        try:
            for statement in (
                "PRAGMA locking_mode=EXCLUSIVE",
                "PRAGMA journal_mode=DELETE",
                "BEGIN EXCLUSIVE",
                "COMMIT",
            ):
                database.execute(
                    statement
                )  # an exclusive lock outlives the transaction, in which nothing could be copied
        except sqlite3.OperationalError as error:
            raise StoreBroken(
                f"{file} is of an older schema and must be brought to a newer one, but another process has it open"
                f" ({error}); stop it (a driver, mamlab ui), and give the command again"
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
    """Remove a file that was never finished, with SQLite's files beside it."""
    for ending in ("", "-journal", "-wal", "-shm"):
        file.with_name(file.name + ending).unlink(missing_ok=True)


def _set_aside_log(file: Path) -> None:
    """Move SQLite's logs of a file that is gone out of the way: a new file of the name would take them for its own."""
    file.with_name(f"{file.name}-shm").unlink(missing_ok=True)
    for ending in ("-wal", "-journal"):
        log = file.with_name(file.name + ending)
        if log.exists():
            log.rename(_free(log.with_name(f"{log.name}.of-a-lost-{file.name}")))


def _free(path: Path) -> Path:
    """Return `path`, or with a number behind it, if it is taken."""
    number, found = 1, path
    while found.exists():
        number += 1
        found = path.with_name(f"{path.name}-{number}")
    return found


def damaged(error: BaseException) -> bool:
    """Whether `error`, of SQLite or of a library above it, says that the file is damaged."""
    texts: list[str] = []
    one: BaseException | None = error
    while one is not None:
        texts.append(str(one))
        one = one.__cause__ or one.__context__
    return any(word in text for text in texts for word in DAMAGED)
