"""Processes that tests start: each ends with its test, and whatever is left ends with the run."""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 600.0
"""So long may a process take for what it does in seconds: a machine with ten times as many processes as cores is no
fault.
"""
MARK = "MAMLAB_TEST_PROCESS"
"""Environment variable that all processes have which this one started, and those that they started."""

PYTHONS_OWN = ("from multiprocessing.forkserver import", "from multiprocessing.resource_tracker import")
"""Helpers of multiprocessing, which would end with the process that started them."""


@contextmanager
def running(command: list[str], **options: Any) -> Iterator[subprocess.Popen[Any]]:
    """Yield a process; at the end of the block it and all that it started are killed, if they still run."""
    mark = uuid.uuid4().hex
    environment = {**(options.pop("env", None) or os.environ), f"{MARK}_{mark}": "1"}
    process = subprocess.Popen(command, env=environment, **options)
    try:
        yield process
    finally:
        kill_marked(f"{MARK}_{mark}")
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream:
                stream.close()


def marked(name: str) -> dict[int, str]:
    """Return the processes with the environment variable `name`, but this one: id to command line."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has just ended, or is another user's
            names = {entry.partition(b"=")[0] for entry in (folder / "environ").read_bytes().split(b"\0")}
            if name.encode() in names and int(folder.name) != os.getpid():
                found[int(folder.name)] = (
                    (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                )
    return found


def starting() -> bool:
    """Whether a program is just being started: for a moment it has no environment to be read (Linux, execve)."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # of the kernel's threads and of zombies there is no exe
            if (folder / "exe").readlink() and not (folder / "environ").read_bytes():
                return True
    return False


def kill_marked(name: str) -> list[str]:
    """Kill the processes with the environment variable `name`, also those that they start meanwhile; return their
    commands.
    """
    killed: dict[int, str] = {}
    for _ in range(50):
        if not (found := {pid: text for pid, text in marked(name).items() if pid not in killed}):
            if not starting():
                break
            time.sleep(0.02)
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        killed |= found
    return list(killed.values())


def end_what_is_left() -> None:
    """At the exit of this process, kill what it started and what still runs then, and name it."""
    mine = f"{MARK}_{uuid.uuid4().hex}"
    os.environ[mine] = "1"

    def end() -> None:
        for command in kill_marked(mine):
            if not any(own in command for own in PYTHONS_OWN):
                print(f"left running by a test, now killed: {command}", file=sys.stderr)

    atexit.register(end)
