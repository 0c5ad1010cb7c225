"""Detects consecutive runs that fail with the same error: the machine is at fault, and more runs would fail too."""

from __future__ import annotations

import re

from .run import Run

MOST_REPEATED = 4
"""After this many, no more runs start."""
FAILURES = ("failed", "out_of_memory")


class RepeatedFailures:
    """The latest ended runs, as long as all failed with the same error."""

    def __init__(self) -> None:
        self._labels: list[str] = []
        self._cause = self._message = ""

    def note(self, run: Run, message: str) -> None:
        """Record the end of `run` and its message; a reused result says nothing about this machine."""
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
        """The message for the user if too many runs failed with the same error; else empty."""
        if len(self._labels) < MOST_REPEATED:
            return ""
        return (
            f"{len(self._labels)} runs in a row failed with the same error ({', '.join(self._labels)}): {self._message}"
        )


def cause(message: str) -> str:
    """Return an error message without paths and numbers, which differ from run to run."""
    return re.sub(r"\d+(\.\d+)?", "N", re.sub(r"(/[^\s:'\",]+)+", "PATH", message))
