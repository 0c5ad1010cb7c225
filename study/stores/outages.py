"""Retries and errors for stores that do not answer: every such failure becomes `StoreUnreachable`.

A locked SQLite file is retried. PostgreSQL and an MLflow server are tried once: `study.engine.recorder` then queues
events, `wait_for` blocks.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from trainers.disk import DISK_ERRORS, chain
from trainers.errors import MamlabError

from .sqlite_files import BUSY_SECONDS, StoreBroken, damaged, remedy_for
from .system_errors import open_files_hint
from .urls import redact

T = TypeVar("T")

LEAST_ROOM = 65_536
"""Bytes of free disk space that SQLite needs to open a store."""
LONGEST_PAUSE = 30.0
"""Seconds: longest pause between two attempts to reach a store."""
_LOCKED = ("database is locked", "database table is locked")
_FULL = (
    "disk I/O error",
    "database or disk is full",
    "unable to open database file",
    "attempt to write a readonly database",
)
_NO_ROOM = ("database or disk is full", os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT))
_DISK_WORDS = tuple(os.strerror(number) for number in sorted(DISK_ERRORS))
_REFUSED = ("authentication failed", "does not exist", "no pg_hba.conf entry", "permission denied")
"""Errors that waiting does not fix."""


class StoreUnreachable(MamlabError, RuntimeError):
    """A store does not answer; `store` names it (without secrets), `reason` is the underlying error in one line."""

    def __init__(self, store: str, reason: str) -> None:
        self.store, self.reason, self.since = store, redact(reason), time.time()
        super().__init__(f"{store} {_what_happened(store, self.reason)}")


def _what_happened(store: str, reason: str) -> str:
    """Return the message for a store or folder: the server does not answer, or the disk is full or failing."""
    path = Path(store[store.find("/") :])
    if "://" in store or not path.is_absolute():
        return f"does not answer: {reason}"
    folder = path.parent if path.suffix == ".db" else path
    if any(word in reason for word in _NO_ROOM) or (reason in _FULL and _is_full(folder)):
        return f"cannot be written, because the disk of {folder} is full ({reason}); free some space on it"
    return f"cannot be read or written: {reason}"


def _is_full(folder: Path) -> bool:
    """Whether the disk is full; SQLite often reports only an I/O error."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return False
    return found.f_bavail * found.f_frsize < LEAST_ROOM


class StoreLost(StoreUnreachable):
    """The file of a store was deleted, moved or replaced; the message says how to restore it."""

    def __init__(self, reason: str) -> None:
        super().__init__("", reason)
        self.args = (self.reason,)


def retry_while_locked(call: Callable[[], T], store: str = "the store", pause: float = 0.1) -> T:
    """Return what `call` returns, retrying with growing pauses while SQLite is locked.

    Raises StoreUnreachable if the store does not answer or stays locked for a minute, StoreBroken if its file is
    damaged; other errors unchanged.
    """
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            return call()
        except StoreBroken:
            raise
        except Exception as error:
            if (file := _file_of(store)) and damaged(error):
                raise StoreBroken(f"{file} is damaged ({reason_of(error)}); {remedy_for(file)}") from None
            locked = any(word in text for text in _texts(error) for word in _LOCKED)
            if not locked or time.monotonic() > deadline:
                if locked or is_unreachable(error):
                    raise StoreUnreachable(store, reason_of(error) + open_files_hint()) from None
                raise
        time.sleep(pause)
        pause = min(2 * pause, 5.0)


def _file_of(store: str) -> Path | None:
    """Return the SQLite file that a store's display name ends with; None for a server."""
    path = Path(store[store.find("/") :])
    return path if path.suffix == ".db" and path.is_absolute() and "://" not in store else None


def wait_for(call: Callable[[], T], show: Callable[[StoreUnreachable], None], stopped: Callable[[], bool]) -> T:
    """Return what `call` returns; on StoreUnreachable, show it and retry with growing pauses.

    Raises KeyboardInterrupt once `stopped` returns True.
    """
    pause = 1.0
    while True:
        try:
            return call()
        except StoreUnreachable as away:
            show(away)
        until = time.monotonic() + pause
        while time.monotonic() < until:
            if stopped():
                raise KeyboardInterrupt
            time.sleep(0.1)
        pause = min(2 * pause, LONGEST_PAUSE)


def _texts(error: BaseException) -> list[str]:
    return [str(one) for one in chain(error)]


def is_unreachable(error: BaseException) -> bool:
    """Whether an error from a store or its library means that the store or its disk does not answer."""
    for one in chain(error):
        names = {kind.__name__ for kind in type(one).__mro__}
        text = str(one)
        if isinstance(one, OSError) and (one.errno in DISK_ERRORS or any(word in text for word in _DISK_WORDS)):
            return True
        if "sqlite3.OperationalError" in text or type(one).__module__ == "sqlite3":
            return any(word in text for word in _FULL)
        if names & {"ConnectionError", "Timeout", "InterfaceError"}:
            return True
        if "MlflowException" in names and getattr(one, "error_code", "") == "TEMPORARILY_UNAVAILABLE":
            return not any(word in text for word in _REFUSED)
        if "MlflowHttpException" in names or "failed with exception HTTP" in text:
            return True
        if "OperationalError" in names:
            return not any(word in text for word in _REFUSED)
        if getattr(one, "connection_invalidated", False):
            return True
    return False


def reason_of(error: BaseException) -> str:
    """Return the first line of the innermost error, the one from the database or the network."""
    lines = [text.strip() for text in _texts(error) if text.strip(" ()\n")]
    return lines[-1].splitlines()[0][:200] if lines else type(error).__name__
