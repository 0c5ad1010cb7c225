"""Atomic file writes: to a temporary file in the same folder, flushed, then renamed."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

from ..records import ReportError


def write_file(file: Path, content: str | bytes) -> None:
    """Write a file atomically. Raises ReportError if it cannot be written."""
    beside = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(content.encode() if isinstance(content, str) else content)
        sync(beside)
        beside.replace(file)
        sync(file.parent)
    except OSError as error:
        raise ReportError(
            f"{file} cannot be written: {reason(error)}; free disk space or choose another place"
        ) from error
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Flush a file or folder to disk (fsync); file systems that cannot flush folders are ignored."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if not path.is_dir() or error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(descriptor)


def reason(error: OSError) -> str:
    """Return the system's message for an error."""
    return error.strerror or str(error)
