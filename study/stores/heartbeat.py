"""A sign of life of a study's driver, in the study's MLflow run: seen from every machine that shares the store.

The lock in the home tells two drivers of one home apart, and ends with its process; this tells those of two homes
apart.
Two machines' clocks are never compared: a process of this machine lives or does not, and a driver of another one lives
if its sign changes while it is watched for `DEAD_SECONDS`, by the clock of who watches.
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
from .machine import lives, started, this_machine

TAG = "mamlab.driver"
"""JSON: host, process, home, since, `beat` in Unix seconds, machine, started, token; empty when no driver runs."""
BEAT_SECONDS = 20.0
DEAD_SECONDS = 90.0
"""A driver of another machine that gives no sign for so long, while it is watched, is taken for dead."""
LOOK_SECONDS = 2.0
"""Who watches a driver reads its sign so often."""
_dead: set[str] = set()
"""Tags that did not change while this process watched them: they are not watched again."""


@dataclass(frozen=True)
class Sign:
    """What a driver says of itself. The first version's signs have no machine, no start of the process and no token."""

    host: str
    process: int
    home: str
    since: str
    beat: float
    """Unix seconds, by the driver's own clock."""
    machine: str = ""
    started: str = ""
    token: str = ""

    def __str__(self) -> str:
        return f"host {self.host}, process {self.process}, since {self.since}"

    @property
    def last(self) -> str:
        """When it was given, by the driver's own clock."""
        try:
            when = datetime.fromtimestamp(self.beat).astimezone().isoformat(sep=" ", timespec="seconds")
        except (ValueError, OverflowError, OSError):
            when = "an impossible time"
        return f"last sign of life at {when} by its own clock"

    def lives(self, home: Path) -> bool | None:
        """Whether the driver lives; None if this machine cannot tell. `home`: nobody else holds the study's lock in
        it.
        """
        here = self.machine == this_machine() if self.machine else self.host == socket.gethostname()
        if not here:
            return None
        if self.home == str(home) or not lives(self.process, self.started):
            return False
        return True if self.machine else None  # without its start, the process may be another one by now


def read_sign(tag: str) -> Sign | None:
    """Return what a tag says, None if no driver runs (or it is no sign)."""
    try:
        said = json.loads(tag)
        names = ("host", "process", "home", "since", "beat", "machine", "started", "token")
        sign = Sign(**{name: said[name] for name in names if name in said})
    except (ValueError, KeyError, TypeError):
        return None
    numbers = isinstance(sign.process, int) and isinstance(sign.beat, int | float)
    return sign if numbers else None


def living(read: Callable[[], Mapping[str, str]], home: Path) -> dict[str, Sign]:
    """Return the drivers that live, by study. Those of other machines are watched: it takes `DEAD_SECONDS` if all are
    dead.

    Args:
        read: returns the studies' tags; called again and again.
        home: nobody else holds the studies' locks in it.

    Raises KeyboardInterrupt if stopped meanwhile, and what `read` raises.
    """
    tags = read()
    signs = {study: sign for study, tag in tags.items() if tag not in _dead and (sign := read_sign(tag))}
    found = {study: sign for study, sign in signs.items() if sign.lives(home)}
    unsure = {study: sign for study, sign in signs.items() if sign.lives(home) is None}
    for study, sign in unsure.items() if not found else ():
        _note(
            f'study "{study}" was being run by {sign}, {sign.last}; waiting up to {DEAD_SECONDS:g} s to see whether it '
            "still lives"
        )
    until = time.monotonic() + DEAD_SECONDS
    while unsure and not found and time.monotonic() < until:
        _pause(min(LOOK_SECONDS, DEAD_SECONDS / 10))
        now = read()
        for study in [one for one in unsure if now.get(one, "") != tags[one]]:
            sign_now = read_sign(now.get(study, ""))
            if sign_now is not None and sign_now.lives(home) is not False:
                found[study] = sign_now
            del unsure[study]
    _dead.update(tags[study] for study in (unsure if not found else ()))
    return found


def known_driver(tag: str, home: Path) -> str:
    """Return what can be said at once of who runs a study: empty if nobody does. `home`: its lock is free."""
    sign = read_sign(tag)
    alive = sign.lives(home) if sign else False
    return "" if alive is False else str(sign) if alive else f"{sign}; {sign.last if sign else ''}"


def _pause(seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        raise_if_stopped()
        time.sleep(min(0.1, seconds))


def _note(text: str) -> None:
    print(f"note: {text}", file=sys.stderr, flush=True)


class Heartbeat:
    """How this process, the driver of a study of `home`, tells that it lives."""

    def __init__(self, home: Home) -> None:
        since = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
        process = os.getpid()
        self._home, self._token = home.root, uuid.uuid4().hex
        self._me = {"host": socket.gethostname(), "process": process, "home": str(home.root), "since": since}
        self._me |= {"machine": this_machine(), "started": started(process), "token": self._token}
        self._next = 0.0

    @property
    def due(self) -> bool:
        """Whether it is time for the next sign."""
        return time.monotonic() >= self._next

    def sign(self) -> str:
        """Return the tag's next value."""
        self._next = time.monotonic() + BEAT_SECONDS
        return json.dumps({**self._me, "beat": time.time()})

    def refuse_other(self, study: str, read: Callable[[], str]) -> None:
        """Raise DriverBusy if a driver of another home lives, by the tag that `read` returns; see `living`."""
        if other := living(lambda: {study: read()}, self._home).get(study):
            raise DriverBusy(
                f'study "{study}" is being run by {other}, and gives signs of life. Wait for it, stop it there, or look'
                " on with `mamlab status`"
            )

    def refuse_successor(self, study: str, tag: str) -> None:
        """Raise DriverBusy if `tag`, read after this driver's sign was written, is another driver's."""
        other = read_sign(tag)
        if other is not None and other.token != self._token:
            raise DriverBusy(f'study "{study}" was taken over by {other}; this driver stops')
