"""Heartbeat of a study's driver: a tag on the study's MLflow run, visible to every machine that shares the store.

The lock file in a home keeps two drivers of one home apart and ends with its process; the heartbeat keeps drivers of
two homes apart. Clocks of two machines are never compared: a process of this machine is running or not, and a driver
of another machine is running if its heartbeat changes within `DEAD_SECONDS` of watching.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ..stopping import raise_if_stopped
from .home import Home
from .locks import DriverBusy
from .machine import is_alive, started, this_machine

TAG = "mamlab.driver"
"""JSON: host, process, home, since, `beat` in Unix seconds, machine, started, token; empty if no driver is running."""
BEAT_SECONDS = 20.0
DEAD_SECONDS = 90.0
"""A driver on another machine counts as dead if its heartbeat does not change for this long."""
POLL_SECONDS = 2.0
"""Interval at which a watched heartbeat is read."""
_dead: set[str] = set()
"""Tags of drivers that this process has found dead; they are not watched again."""


@dataclass(frozen=True)
class DriverInfo:
    """Parsed heartbeat tag. Tags of the first version have no `machine`, `started` and `token`."""

    host: str
    process: int
    home: str
    since: str
    beat: float
    """Unix seconds, on the driver's clock."""
    machine: str = ""
    started: str = ""
    token: str = ""

    def __str__(self) -> str:
        return f"host {self.host}, process {self.process}, since {self.since}"

    @property
    def last(self) -> str:
        """Time of the last heartbeat, on the driver's clock."""
        try:
            when = datetime.fromtimestamp(self.beat).astimezone().isoformat(sep=" ", timespec="seconds")
        except (ValueError, OverflowError, OSError):
            when = "an invalid time"
        return f"last heartbeat at {when} (its clock)"

    def is_alive(self, home: Path) -> bool | None:
        """Whether the driver is running; None if this machine cannot tell.

        The caller knows that no other process holds the study's lock in `home`.
        """
        here = self.machine == this_machine() if self.machine else self.host == socket.gethostname()
        if not here:
            return None
        if self.home == str(home) or not is_alive(self.process, self.started):
            return False
        return True if self.machine else None  # without a start time, the process id may have been reused


def parse_driver_tag(tag: str) -> DriverInfo | None:
    """Return the parsed tag, None if no driver is running or the tag is not valid."""
    try:
        fields = json.loads(tag)
        names = ("host", "process", "home", "since", "beat", "machine", "started", "token")
        info = DriverInfo(**{name: fields[name] for name in names if name in fields})
    except (ValueError, KeyError, TypeError):
        return None
    numbers = isinstance(info.process, int) and isinstance(info.beat, int | float)
    return info if numbers else None


def running_drivers(read: Callable[[], Mapping[str, str]], home: Path) -> dict[str, DriverInfo]:
    """Return the running drivers by study, watching those on other machines: takes `DEAD_SECONDS` if all are dead.

    Args:
        read: returns the studies' tags; called repeatedly.
        home: no other process holds the studies' locks in it.

    Raises KeyboardInterrupt if stopped while waiting, and what `read` raises.
    """
    tags = read()
    drivers = {study: info for study, tag in tags.items() if tag not in _dead and (info := parse_driver_tag(tag))}
    found = {study: info for study, info in drivers.items() if info.is_alive(home)}
    unsure = {study: info for study, info in drivers.items() if info.is_alive(home) is None}
    for study, info in unsure.items() if not found else ():
        _note(
            f'study "{study}" was being run by {info}, {info.last}; waiting up to {DEAD_SECONDS:g} s to see whether it '
            "is still running"
        )
    until = time.monotonic() + DEAD_SECONDS
    while unsure and not found and time.monotonic() < until:
        _pause(min(POLL_SECONDS, DEAD_SECONDS / 10))
        now = read()
        for study in [one for one in unsure if now.get(one, "") != tags[one]]:
            info_now = parse_driver_tag(now.get(study, ""))
            if info_now is not None and info_now.is_alive(home) is not False:
                found[study] = info_now
            del unsure[study]
    _dead.update(tags[study] for study in (unsure if not found else ()))
    return found


def known_driver(tag: str, home: Path) -> str:
    """Return the driver that runs a study, as far as known without waiting; empty if none. `home`'s lock is free."""
    info = parse_driver_tag(tag)
    alive = info.is_alive(home) if info else False
    return "" if alive is False else str(info) if alive else f"{info}; {info.last if info else ''}"


def _pause(seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        raise_if_stopped()
        time.sleep(min(0.1, seconds))


def _note(text: str) -> None:
    print(f"note: {text}", file=sys.stderr, flush=True)


class Heartbeat:
    """Writes the heartbeat of this process, the driver of a study in `home`."""

    def __init__(self, home: Home) -> None:
        since = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
        process = os.getpid()
        self._home, self._token = home.root, uuid.uuid4().hex
        self._me = {"host": socket.gethostname(), "process": process, "home": str(home.root), "since": since}
        self._me |= {"machine": this_machine(), "started": started(process), "token": self._token}
        self._next = 0.0

    @property
    def due(self) -> bool:
        """Whether it is time for the next heartbeat."""
        return time.monotonic() >= self._next

    def next_tag(self) -> str:
        """Return the tag's next value."""
        self._next = time.monotonic() + BEAT_SECONDS
        return json.dumps({**self._me, "beat": time.time()})

    def refuse_other(self, study: str, read: Callable[[], str]) -> None:
        """Raise DriverBusy if a driver of another home is running, by the tag that `read` returns."""
        if other := running_drivers(lambda: {study: read()}, self._home).get(study):
            raise DriverBusy(
                f'study "{study}" is being run by {other}, whose heartbeat is current. Wait for it, stop it there, or'
                " watch it with `mamlab status`"
            )

    def refuse_successor(self, study: str, tag: str) -> None:
        """Raise DriverBusy if `tag`, read after this driver's heartbeat was written, is another driver's."""
        other = parse_driver_tag(tag)
        if other is not None and other.token != self._token:
            raise DriverBusy(f'study "{study}" was taken over by {other}; this driver stops')
