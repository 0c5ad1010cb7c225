"""Whether the home can be written: a full disk, a lost mount or a quota is an outage like a store's, waited for and not
counted.
"""

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
from ..stores.patience import StoreAway, wait_for

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
PROBE_BYTES = 65_536


class HomeAway(StoreAway):
    """The home cannot be written; `size` is what there must be room for before it counts as back."""

    def __init__(self, home: Path, error: OSError, size: int = 0) -> None:
        super().__init__(f"the home {home}", error.strerror or str(error))
        about = f" ({error.filename})" if error.filename and str(error.filename) != str(home) else ""
        what = "is full" if error.errno in FULL else "cannot be written"
        self.args = (f"The home {home} {what}: {self.reason}{about}",)
        self.size = size


class HomeWatch:
    """The home of a study that runs."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._inode = 0

    def start(self) -> None:
        """Make the folder of checkpoints, and remember which folder the home is. Raises OSError."""
        self._home.checkpoints.mkdir(parents=True, exist_ok=True)
        self._inode = self._home.root.stat().st_ino

    def look(self) -> None:
        """Raise HomeAway if the home is not where it was: unmounted, moved, or deleted."""
        root = self._home.root
        try:
            same = self._inode in (0, root.stat().st_ino)
        except OSError as error:
            raise HomeAway(root, error) from None
        if not same:
            told = "another folder is in its place; the home was moved, or its disk is not mounted"
            raise HomeAway(root, OSError(errno.ENOENT, told, str(root)))

    def probe(self, size: int = 0) -> None:
        """Write, flush and remove a file with room for `size` bytes. Raises HomeAway if that cannot be done."""
        self.look()
        file = self._home.checkpoints / f".probe-{os.getpid()}"
        try:
            _write_and_remove(file, size)
        except OSError as error:
            error.filename = None
            raise HomeAway(self._home.root, error, size) from None

    def blame(self, error: BaseException) -> HomeAway | None:
        """Return what `error` says of the home, None if it is not about the home's disk."""
        fault = disk_fault(error, [self._home.root])
        return None if fault is None else HomeAway(self._home.root, fault, size_of(fault))

    @contextmanager
    def guard(self) -> Iterator[None]:
        """Turn an error of the home's disk, or of the folder for temporary files, into an outage. Raises StoreAway."""
        try:
            yield
        except OSError as error:
            if (away := self.blame(error)) is not None:
                raise away from None
            if error.errno in DISK_ERRORS:
                place = error.filename or f"the folder for temporary files {tempfile.gettempdir()}"
                raise StoreAway(str(place), error.strerror or str(error)) from None
            raise


def _write_and_remove(file: Path, size: int) -> None:
    descriptor = os.open(file, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    try:
        file.unlink()  # so that nothing stays, however this process ends
        os.write(descriptor, bytes(PROBE_BYTES))
        if size > PROBE_BYTES:
            os.posix_fallocate(descriptor, 0, size)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def driving(home: Home, study: str, show: Callable[[StoreAway], None]) -> Iterator[HomeWatch]:
    """Hold the lock of the study's driver, waited for while the home is full, and give the home to watch.

    Raises DriverBusy, ValueError for a home that may not be written to.
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


def since(away: StoreAway) -> str:
    """Return when an outage began, for people."""
    return time.strftime("%H:%M:%S", time.localtime(away.since))
