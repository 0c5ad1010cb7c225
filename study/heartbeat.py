"""A sign of life of a study's driver, in the study's MLflow run: seen from every machine that shares the store.

The lock in the home tells two drivers of one home apart, and ends with its process; this tells those of two homes apart,
and can only be waited for when its driver has died elsewhere.
"""

from __future__ import annotations

import json
import os
import socket
import time
from datetime import datetime
from typing import Any

from .home import Home
from .locks import DriverBusy

TAG = "mamlab.driver"
"""JSON: host, process, home, since, and `beat` in Unix seconds; empty when no driver runs."""
BEAT_SECONDS = 20.0
DEAD_SECONDS = 90.0
"""A driver that gave no sign for so long is taken for dead."""


class Heartbeat:
    """How this process, the driver of a study of `home`, tells that it lives."""

    def __init__(self, home: Home) -> None:
        since = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
        self._me = {"host": socket.gethostname(), "process": os.getpid(), "home": str(home.root), "since": since}
        self._next = 0.0

    @property
    def due(self) -> bool:
        """Whether it is time for the next sign."""
        return time.monotonic() >= self._next

    def sign(self) -> str:
        """Return the tag's next value."""
        self._next = time.monotonic() + BEAT_SECONDS
        return json.dumps({**self._me, "beat": time.time()})

    def refuse_other(self, study: str, tag: str) -> None:
        """Raise DriverBusy if `tag` is a living driver's of another home; one of this home has lost its lock, so is dead."""
        other = living(tag)
        if other is None or (other["host"], other["home"]) == (self._me["host"], self._me["home"]):
            return
        age = max(0.0, time.time() - other["beat"])
        raise DriverBusy(
            f'study "{study}" is being run by host {other["host"]}, process {other["process"]}, since {other["since"]}; its last '
            f"sign of life is {age:.0f} s old. Stop it there; if it is dead, the study is free in {DEAD_SECONDS - age:.0f} s"
        )


def living(tag: str) -> dict[str, Any] | None:
    """Return the driver that `tag` names, None if it gave no sign for long or is a dead process of this machine."""
    try:
        driver: dict[str, Any] = json.loads(tag)
        if time.time() - driver["beat"] > DEAD_SECONDS:
            return None
        if driver["host"] == socket.gethostname():
            os.kill(driver["process"], 0)
    except (ValueError, KeyError, TypeError, ProcessLookupError):
        return None
    except PermissionError:  # it lives, and is another user's
        pass
    return driver
