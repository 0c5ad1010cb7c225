"""Operating-system file locks, released when their process ends; the file names the holder."""

from __future__ import annotations

import fcntl
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import IO

NOTICE_SECONDS = 10.0
"""Seconds after which waiting for a lock is reported."""
UNKNOWN = "an unknown process"
_LOOK_SECONDS = 0.1


def this_process() -> str:
    """Return this host and process, and the time: what a lock file says of its holder."""
    since = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
    return f"host {socket.gethostname()}, process {os.getpid()}, since {since}"


def take(file: IO[str]) -> bool:
    """Lock `file`, open for appending, and write this process into it; False if another process holds it. Raises
    OSError.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:  # such as a file system without locks
        error.filename = file.name
        raise
    with suppress(OSError):  # the lock works even on a full disk
        file.truncate(0)
        os.write(file.fileno(), f"{this_process()}\n".encode())
    return True


def holder(path: Path) -> str | None:
    """Return who holds the lock on `path`: host, process, since when; None if nobody does."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return path.read_text(encoding="utf-8", errors="replace").strip() or UNKNOWN
    except FileNotFoundError:
        pass
    return None


@contextmanager
def locked(file: IO[str], path: Path, look: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the lock on `file`, open for appending at `path`; waits for another holder, and says so on stderr after a
    while.

    `look` is called ten times a second while it waits; what it raises ends the wait.
    """
    began, reported = time.monotonic(), False
    while not take(file):
        if not reported and time.monotonic() - began >= NOTICE_SECONDS:
            reported = True
            print(f"note: waiting for the lock {path}, held by {holder(path) or UNKNOWN}", file=sys.stderr, flush=True)
        look()
        time.sleep(_LOOK_SECONDS)
    yield
