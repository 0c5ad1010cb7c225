"""What a machine's error means to the user: one line that names the thing and the way out."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator
from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT)
FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
BROKEN = (errno.EIO, errno.ESTALE)
OPEN_FILES = (errno.EMFILE, errno.ENFILE)


def explained(error: BaseException) -> str | None:
    """Return what to tell the user of `error`, None if it is none of a machine's: then it is a fault of ours."""
    for one in _chain(error):
        if isinstance(one, OSError) and one.errno is not None and (text := _of_system(one, one.errno)):
            return text
        if "Too many open files" in str(one):
            return _open_files()
    return None


def open_files_hint() -> str:
    """Return " (...)" if this process has about as many files open as it may, which SQLite does not say; else
    nothing.
    """
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    try:
        there = len([*Path("/proc/self/fd").iterdir()])
    except FileNotFoundError:  # not Linux
        return ""
    except OSError:
        there = limit
    return f" ({_open_files()})" if there >= limit - 2 else ""


def _of_system(error: OSError, number: int) -> str | None:
    if number in OPEN_FILES:
        return _open_files()
    reason = os.strerror(number)
    place = (
        error.filename
        if isinstance(error.filename, str)
        else "a file"
        if error.filename is None
        else str(error.filename)
    )
    if number in FULL:
        return f"{place} could not be written: {reason}. Make room there, then give the same command again"
    if number in FORBIDDEN:
        return (
            f"{place} cannot be opened or written: {reason}. Make it yours to write, or name another folder (--home,"
            " --out)"
        )
    if number in BROKEN:
        return f"{place} could not be read or written: {reason}. Look after that disk, then give the same command again"
    return None


def _open_files() -> str:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return f"too many open files: a process may have {limit} here (ulimit -n); raise it, such as: ulimit -n 4096"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
