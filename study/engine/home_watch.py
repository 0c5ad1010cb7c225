"""Watches whether the home is writable: a full disk, lost mount or quota is an outage to wait for, not a failed run."""

from __future__ import annotations

import errno
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from trainers.disk import DISK_ERRORS, disk_fault, size_of
from trainers.errors import InputError

from ..stores.home import Home
from ..stores.locks import driver_lock
from ..stores.outages import StoreUnreachable, wait_for

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
PROBE_BYTES = 65_536


class HomeAway(StoreUnreachable):
    """The home cannot be written; it counts as available again once `size` bytes can be written."""

    def __init__(self, home: Path, error: OSError, size: int = 0) -> None:
        super().__init__(f"the home {home}", error.strerror or str(error))
        about = f" ({error.filename})" if error.filename and str(error.filename) != str(home) else ""
        what = "is full" if error.errno in FULL else "cannot be written"
        self.args = (f"The home {home} {what}: {self.reason}{about}",)
        self.size = size


class HomeWatch:
    """Checks the home of a running study."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._inode = 0

    def start(self) -> None:
        """Create the checkpoints folder, and remember the home's inode. Raises OSError."""
        self._home.checkpoints.mkdir(parents=True, exist_ok=True)
        self._inode = self._home.root.stat().st_ino

    def look(self) -> None:
        """Raise HomeAway if the home was unmounted, moved or deleted."""
        root = self._home.root
        try:
            same = self._inode in (0, root.stat().st_ino)
        except OSError as error:
            raise HomeAway(root, error) from None
        if not same:
            reason = "another folder is in its place; the home was moved, or its disk is not mounted"
            raise HomeAway(root, OSError(errno.ENOENT, reason, str(root)))

    def probe(self, size: int = 0) -> None:
        """Write, flush and remove a file of `size` bytes. Raises HomeAway if that fails."""
        self.look()
        file = self._home.checkpoints / f".probe-{os.getpid()}"
        try:
            _write_and_remove(file, size)
        except OSError as error:
            error.filename = None
            raise HomeAway(self._home.root, error, size) from None

    def blame(self, error: BaseException) -> HomeAway | None:
        """Return `error` as a HomeAway, None if it is not about the home's disk."""
        fault = disk_fault(error, [self._home.root])
        return None if fault is None else HomeAway(self._home.root, fault, size_of(fault))

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Raise StoreUnreachable for an error of the home's disk or of the folder for temporary files."""
        try:
            yield
        except OSError as error:
            if (away := self.blame(error)) is not None:
                raise away from None
            if error.errno in DISK_ERRORS:
                place = error.filename or f"the temporary folder {tempfile.gettempdir()}"
                raise StoreUnreachable(str(place), error.strerror or str(error)) from None
            raise


def _write_and_remove(file: Path, size: int) -> None:
    descriptor = os.open(file, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    try:
        file.unlink()  # so that nothing is left if this process dies
        os.write(descriptor, bytes(PROBE_BYTES))
        if size > PROBE_BYTES:
            os.posix_fallocate(descriptor, 0, size)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def driving(home: Home, study: str, show: Callable[[StoreUnreachable], None]) -> Iterator[HomeWatch]:
    """Hold the study's driver lock, waiting while the home's disk is full, and yield the home's watch.

    Raises DriverBusy, ValueError for a home without write permission.
    """
    watch = HomeWatch(home)
    with ExitStack() as stack:
        wait_for(lambda: _enter(watch, stack, home, study), show, lambda: False)
        yield watch


def _enter(watch: HomeWatch, stack: ExitStack, home: Home, study: str) -> None:
    try:
        stack.enter_context(driver_lock(home.locks / f"{study}.lock", study))
        watch.start()
    except OSError as error:
        stack.close()
        if error.errno in DISK_ERRORS - {errno.EROFS}:
            raise HomeAway(home.root, error) from None
        raise InputError(
            f"the home {home.root} cannot be written: {error.strerror} ({error.filename}); make it writable, or choose "
            "another home with --home"
        ) from None


def since(away: StoreUnreachable) -> str:
    """Return the time when an outage began, for display."""
    return time.strftime("%H:%M:%S", time.localtime(away.since))
