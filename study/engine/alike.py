"""Detects consecutive runs that fail with the same error: the machine is at fault then, and further runs would fail
too.
"""

from __future__ import annotations

import re

from .run import Run

ALIKE = 4
"""After this many, no further run is started."""
FAILURES = ("failed", "out_of_memory")


class Alike:
    """The last runs that ended, as long as all failed for one reason."""

    def __init__(self) -> None:
        self._labels: list[str] = []
        self._cause = self._message = ""

    def note(self, run: Run, message: str) -> None:
        """Note how `run` has ended, and what it said; one that was trained before says nothing of this machine now."""
        if (run.reused and run.end == "complete") or (run.end in FAILURES and not message):
            return
        if run.end not in FAILURES:
            self._labels.clear()
            return
        first = (message.splitlines() or [""])[0]
        if cause(first) != self._cause:
            self._labels.clear()
        self._cause, self._message = cause(first), first
        self._labels.append(run.plan.label)

    @property
    def reached(self) -> str:
        """The message for the user when too many runs failed with the same error; empty otherwise."""
        if len(self._labels) < ALIKE:
            return ""
        return (
            f"{len(self._labels)} runs in a row failed with the same error ({', '.join(self._labels)}): {self._message}"
        )


def cause(message: str) -> str:
    """Return an error's line without what differs from run to run: paths and numbers."""
    return re.sub(r"\d+(\.\d+)?", "N", re.sub(r"(/[^\s:'\",]+)+", "PATH", message))
