"""Identity of this machine and its processes: host names and process ids alone are reused."""

from __future__ import annotations

import os
from pathlib import Path


def this_machine() -> str:
    """Return the boot id and process-id namespace, which only processes that can see each other share; empty if
    unknown.

    Two containers may have the same host name, and no process survives a reboot.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def started(process: int) -> str:
    """Return when a process started, in clock ticks since boot; empty if unknown."""
    fields = _stat(process)
    return fields[19] if len(fields) > 19 else ""


def is_alive(process: int, since: str = "") -> bool:
    """Whether a process of this machine is running; one with another start time than `since` is a different one."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # another user's
        pass
    known = started(process)
    return _stat(process)[:1] != ["Z"] and not (since and known and since != known)


def _stat(process: int) -> list[str]:
    """Return the fields of /proc/PROCESS/stat from the third (the state) on; empty if there is no such file."""
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return []
