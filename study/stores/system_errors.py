"""Turns operating-system errors into one-line messages with a remedy."""

from __future__ import annotations

import errno
import os
import resource
from pathlib import Path

from trainers.disk import chain

FULL = (errno.ENOSPC, errno.EDQUOT)
FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
BROKEN = (errno.EIO, errno.ESTALE)
OPEN_FILES = (errno.EMFILE, errno.ENFILE)


def explained(error: BaseException) -> str | None:
    """Return the message for an operating-system error; None for any other, which is a bug of mamlab."""
    for one in chain(error):
        if isinstance(one, OSError) and one.errno is not None and (text := _of_system(one, one.errno)):
            return text
        if "Too many open files" in str(one):
            return _open_files()
    return None


def open_files_hint() -> str:
    """Return a hint in parentheses if this process is at its limit of open files, which SQLite does not report; else
    "".
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
    if number == errno.ENAMETOOLONG:
        return f"{place[:60]} ...: {reason}. Give it a shorter name"
    if number in FULL:
        return f"{place} could not be written: {reason}. Free some disk space, then run the same command again"
    if number in FORBIDDEN:
        return (
            f"{place} cannot be opened or written: {reason}. Change its permissions, or name another folder (--home,"
            " --out)"
        )
    if number in BROKEN:
        return f"{place} could not be read or written: {reason}. Check that disk, then run the same command again"
    return None


def _open_files() -> str:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return f"too many open files: the limit for a process is {limit} (ulimit -n); raise it, such as: ulimit -n 4096"
