"""The locks of a home: of a study's driver, and of whoever makes the stores."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trainers.errors import MamlabError
from trainers.locks import UNKNOWN, held, holder, take

from ..stopping import raise_if_stopped

__all__ = ["DriverBusy", "driver_lock", "file_lock", "holder"]


class DriverBusy(MamlabError, RuntimeError):
    """Another driver works on the study; the message names its host, process and start."""


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Hold the lock on `path`; waits for another holder, and says who it is. Raises KeyboardInterrupt if stopped
    meanwhile.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file, held(file, path, raise_if_stopped):
        yield


@contextmanager
def driver_lock(path: Path, study: str) -> Iterator[None]:
    """Hold the lock of the study's driver, with this process's name in the file.

    Raises `DriverBusy` if another process holds it. A dead holder's lock is free.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        for _ in range(5):  # a reader of `holder` may hold it for a moment
            if take(file):
                break
            time.sleep(0.1)
        else:
            raise DriverBusy(
                f'study "{study}" is being run by {holder(path) or UNKNOWN}. Wait for it, stop it there, or look on'
                " with `mamlab status`"
            )
        yield
