"""Locks of the operating system on files: they end with the process that holds them, however it ends."""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO


class DriverBusy(RuntimeError):
    """Another driver works on the study; the message names its host, process and start."""


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Hold the lock on `path`; waits for another holder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def holder(path: Path) -> str | None:
    """Return who holds the driver's lock on `path`: host, process, since when; None if nobody does."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return path.read_text().strip() or "an unknown process"
    except FileNotFoundError:
        pass
    return None


def _lock(file: IO[str]) -> bool:
    """Lock `file`; a reader of `holder` may hold it for a moment."""
    for _ in range(5):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(0.1)
    return False


@contextmanager
def driver_lock(path: Path, study: str) -> Iterator[None]:
    """Hold the lock of the study's driver, with this process's name in the file.

    Raises `DriverBusy` if another process holds it. A dead holder's lock is free.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        if not _lock(file):
            raise DriverBusy(
                f'study "{study}" is being run by {holder(path)}. Wait for it, stop it there, or look on with `mamlab status`'
            )
        since = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
        file.truncate(0)
        file.write(f"host {socket.gethostname()}, process {os.getpid()}, since {since}\n")
        file.flush()
        yield
