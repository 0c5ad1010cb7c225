"""Which machine this is, and which of its processes live: by more than names and numbers, which are used again."""

from __future__ import annotations

import os
from pathlib import Path


def this_machine() -> str:
    """Return what only processes that see each other share: this boot's id and the namespace of process ids; empty if
    unknown.

    Two containers may have the same host name, and a machine that was started again has no process of before.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def started(process: int) -> str:
    """Return when a process started, in ticks since this machine did; empty if that is not to be known here."""
    fields = _stat(process)
    return fields[19] if len(fields) > 19 else ""


def lives(process: int, since: str = "") -> bool:
    """Whether a process of this machine lives; one that started at another time than `since`, if known, is another
    one.
    """
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # another user's
        pass
    known = started(process)
    return _stat(process)[:1] != ["Z"] and not (since and known and since != known)


def _stat(process: int) -> list[str]:
    """Return the fields of /proc/PROCESS/stat from the third on, the process's state; empty if there is no such
    file.
    """
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return []
