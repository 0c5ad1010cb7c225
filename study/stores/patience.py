"""A store that does not answer is `StoreAway`, nothing else; who asks decides how long to wait.

A locked SQLite file is waited for. PostgreSQL and an MLflow server are asked once: `study.engine.recorder` goes on
meanwhile, `wait_for` does not.
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

from .failures import open_files_hint
from .sqlite_files import BUSY_SECONDS, StoreBroken, damaged, way_out
from .urls import redact

T = TypeVar("T")

LEAST_ROOM = 65_536
"""Bytes; with less, SQLite can open no store."""
LONGEST_PAUSE = 30.0
"""Pauses between two tries to reach a store that is away grow to this."""
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
"""What waiting does not mend."""


class StoreAway(MamlabError, RuntimeError):
    """A store does not answer; `store` names it (without secrets), `reason` is the last line of what was said."""

    def __init__(self, store: str, reason: str) -> None:
        self.store, self.reason, self.since = store, redact(reason), time.time()
        super().__init__(f"{store} {_what_happened(store, self.reason)}")


def _what_happened(store: str, reason: str) -> str:
    """Return what to say of a store, or another place: a server does not answer, a disk is full or broken."""
    path = Path(store[store.find("/") :])
    if "://" in store or not path.is_absolute():
        return f"does not answer: {reason}"
    folder = path.parent if path.suffix == ".db" else path
    if any(word in reason for word in _NO_ROOM) or (reason in _FULL and _is_full(folder)):
        return f"cannot be written, because the disk of {folder} is full ({reason}); make room there"
    return f"cannot be read or written: {reason}"


def _is_full(folder: Path) -> bool:
    """Whether its disk has no room: SQLite often says only that it could not read or write."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return False
    return found.f_bavail * found.f_frsize < LEAST_ROOM


class StoreLost(StoreAway):
    """The file of a store was deleted, moved away or replaced; the message says what puts it back."""

    def __init__(self, reason: str) -> None:
        super().__init__("", reason)
        self.args = (self.reason,)


def patiently(call: Callable[[], T], store: str = "the store", pause: float = 0.1) -> T:
    """Return what `call` returns; while SQLite says that it is locked, try again after growing pauses.

    Raises StoreAway if the store does not answer, or is locked for a minute and more, StoreBroken if its file is
    damaged; any other error as it is.
    """
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            return call()
        except StoreBroken:
            raise
        except Exception as error:
            if (file := _file_of(store)) and damaged(error):
                raise StoreBroken(f"{file} is damaged ({reason_of(error)}); {way_out(file)}") from None
            locked = any(word in text for text in _texts(error) for word in _LOCKED)
            if not locked or time.monotonic() > deadline:
                if locked or is_away(error):
                    raise StoreAway(store, reason_of(error) + open_files_hint()) from None
                raise
        time.sleep(pause)
        pause = min(2 * pause, 5.0)


def _file_of(store: str) -> Path | None:
    """Return the SQLite file that the name of a store ends with; None for a server."""
    path = Path(store[store.find("/") :])
    return path if path.suffix == ".db" and path.is_absolute() and "://" not in store else None


def wait_for(call: Callable[[], T], show: Callable[[StoreAway], None], stopped: Callable[[], bool]) -> T:
    """Return what `call` returns; while it says StoreAway, show it and try again after growing pauses.

    Raises KeyboardInterrupt when `stopped` says so.
    """
    pause = 1.0
    while True:
        try:
            return call()
        except StoreAway as away:
            show(away)
        until = time.monotonic() + pause
        while time.monotonic() < until:
            if stopped():
                raise KeyboardInterrupt
            time.sleep(0.1)
        pause = min(2 * pause, LONGEST_PAUSE)


def _texts(error: BaseException) -> list[str]:
    return [str(one) for one in chain(error)]


def is_away(error: BaseException) -> bool:
    """Whether an error of a store, or of a library above it, says that the store does not answer, or its disk does
    not.
    """
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
    """Return the first line of the innermost error, which is the database's or the network's own."""
    lines = [text.strip() for text in _texts(error) if text.strip(" ()\n")]
    return lines[-1].splitlines()[0][:200] if lines else type(error).__name__
