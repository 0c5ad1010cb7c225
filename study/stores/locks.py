"""The locks of a home: one per study's driver, and one for creating the stores."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trainers.errors import MamlabError
from trainers.locks import UNKNOWN, holder, locked, take

from ..stopping import raise_if_stopped

__all__ = ["DriverBusy", "driver_lock", "file_lock", "holder"]


class DriverBusy(MamlabError, RuntimeError):
    """Another driver runs the study; the message names its host, process and start time."""


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Hold the lock on `path`, waiting for another holder and naming it. Raises KeyboardInterrupt if stopped."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file, locked(file, path, raise_if_stopped):
        yield


@contextmanager
def driver_lock(path: Path, study: str) -> Iterator[None]:
    """Hold the driver lock of the study, with this process named in the file.

    Raises `DriverBusy` if another process holds it. A dead holder's lock is free.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        for _ in range(5):  # `holder` takes the lock for a moment to read it
            if take(file):
                break
            time.sleep(0.1)
        else:
            raise DriverBusy(
                f'study "{study}" is being run by {holder(path) or UNKNOWN}. Wait for it, stop it there, or watch it'
                " with `mamlab status`"
            )
        yield
