"""A file that is written whole or not at all: beside its place, flushed, renamed."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

from ..records import ReportError


def write_file(file: Path, content: str | bytes) -> None:
    """Write a file whole or not at all. Raises ReportError if it cannot be written."""
    beside = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(content.encode() if isinstance(content, str) else content)
        sync(beside)
        beside.replace(file)
        sync(file.parent)
    except OSError as error:
        raise ReportError(f"{file} cannot be written: {reason(error)}; make room, or name another place") from error
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Wait until a file, or a folder's list of files, is on the disk; a file system that has no such call for folders
    is let be.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if not path.is_dir() or error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(descriptor)


def reason(error: OSError) -> str:
    """Return what the system says of an error, in words."""
    return error.strerror or str(error)
