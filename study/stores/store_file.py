"""Watches the SQLite file of an open store: detects if it was deleted, moved or replaced, and rescues its content.

SQLite keeps writing into a deleted file, and everything is lost when the process ends.
"""

from __future__ import annotations

import sqlite3
import time
import weakref
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from .sqlite_files import move

Identity = tuple[int, int] | None


class StoreFile:
    """The file of a store that this process has open.

    Args:
        path: an existing file.
        reopen: closes the store client's connections, so that its next query opens the file again.
    """

    def __init__(self, path: Path, reopen: Callable[[], None]) -> None:
        self.path, self._reopen = path, reopen
        self._rescued: Path | None = None
        self._told: tuple[Identity, str] | None = None
        self._open()

    def problem(self) -> str:
        """Return what happened to the file and how to restore it; empty while it is the one that was opened.

        The content of a deleted file is rescued into a file beside it, which becomes the store once it is moved back.
        Raises OSError if the file system does not answer.
        """
        now = _identity(self.path)
        if self._rescued and now is not None and now in (self._identity, self._rescued_identity):
            self._open()
            self._rescued = self._told = None
        elif now == self._identity:
            self._told = None
        elif self._told is None or self._told[0] != now:
            self._told = (now, self._what_happened(now))
        return self._told[1] if self._told else ""

    def _open(self) -> None:
        self._identity = _identity(self.path)
        self._database = sqlite3.connect(self.path, check_same_thread=False)
        with suppress(sqlite3.Error):  # the store's own client reports what is wrong
            self._database.execute("SELECT count(*) FROM sqlite_master").fetchone()  # opens its WAL too
        weakref.finalize(self, self._database.close)

    def _what_happened(self, now: Identity) -> str:
        if now is None and (moved := self._moved_to()):
            return f"{self.path} was moved while the study ran; move it back: {move(moved, self.path)}"
        what = "deleted" if now is None else "replaced by another file"
        try:
            kept = self._rescue()
        except (OSError, sqlite3.Error) as error:
            remedy = (
                "stop the study and start it again: the file is rebuilt from MLflow"
                if self.path.name == "optuna.db"
                else "restore it from a backup"
            )
            return f"{self.path} was {what} while the study ran, and its content could not be saved ({error}); {remedy}"
        first = "" if now is None else f"{move(self.path, f'{self.path}.other')}; "
        return (
            f"{self.path} was {what} while the study ran; its content was saved, restore it with:"
            f" {first}{move(kept, self.path)}"
        )

    def _moved_to(self) -> Path | None:
        """Return the file's new path, None if it was deleted or that is unknown."""
        with suppress(OSError):
            for link in Path("/proc/self/fd").iterdir():
                with suppress(OSError):
                    target = link.readlink()
                    if _identity(link) == self._identity and _identity(target) == self._identity:
                        return target
        return None

    def _rescue(self) -> Path:
        if self._rescued is None:
            kept = self.path.with_name(f"{self.path.name}.rescued-{time.strftime('%Y%m%d-%H%M%S')}")
            with closing(sqlite3.connect(kept)) as copy:
                self._database.backup(copy)
            self._rescued, self._rescued_identity = kept, _identity(kept)
            self._leave()
        return self._rescued

    def _leave(self) -> None:
        """Close the lost file and remove its WAL, which must not be applied to the restored file."""
        self._reopen()
        self._database.close()
        if _identity(self.path) is None:
            for ending in ("-wal", "-shm"):
                self.path.with_name(self.path.name + ending).unlink(missing_ok=True)


def _identity(path: Path) -> Identity:
    """Return device and inode of a file; None if it does not exist. Raises OSError."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino
