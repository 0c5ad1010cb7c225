"""Locks of the operating system on files: they end with the process that holds them, however it ends."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path


class DriverBusy(RuntimeError):
    """Another driver works on the study; the message names its host, process and start."""


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Hold the lock on `path`; waits for another holder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def driver_lock(path: Path, study: str) -> Iterator[None]:
    """Hold the lock of the study's driver, with this process's name in the file.

    Raises `DriverBusy` at once if another process holds it. A dead holder's lock is free.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "an unknown process"
            raise DriverBusy(
                f'study "{study}" is being run by {holder}. Wait for it, stop it there, or look on with `mamlab status`'
            ) from None
        since = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
        file.truncate(0)
        file.write(f"host {socket.gethostname()}, process {os.getpid()}, since {since}\n")
        file.flush()
        yield
