"""Disk errors with the file's name, which the operating system omits when an open file is written."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.ESTALE, errno.EIO})
"""Error numbers of a disk that is full, read-only or temporarily unavailable."""
_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.ENXIO, errno.ENODEV, errno.ENOTCONN})
"""Error numbers of a folder that was unmounted or moved; elsewhere they have other causes."""


class DiskError(OSError):
    """A file of `size` bytes could not be written."""

    size = 0


@contextmanager
def naming(file: Path, size: int = 0) -> Iterator[None]:
    """Add the name of `file` to an OSError in the block if it has none, and the number of bytes to be written. Raises
    DiskError.
    """
    try:
        yield
    except OSError as error:
        named = DiskError(error.errno, error.strerror, error.filename or str(file))
        named.size = size
        raise named from error


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield `error`, its cause, the cause of that, and so on."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def disk_fault(error: BaseException, folders: Iterable[Path]) -> OSError | None:
    """Return the error of the disk behind `error`, if it is about a file in one of `folders`."""
    for one in chain(error):
        if not isinstance(one, OSError) or one.errno not in DISK_ERRORS | _GONE or not one.filename:
            continue
        if any(Path(str(one.filename)).is_relative_to(folder) for folder in folders):
            return one
    return None


def size_of(error: OSError) -> int:
    """Return the number of bytes that were to be written, 0 if unknown."""
    return int(getattr(error, "size", 0))
