"""Append-only record of interim looks: one JSONL file per study."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from reports.recorded_looks import RecordedLook, recorded_look

from .home import Home


class LookRecord:
    """The looks at one study; the experiment id excludes those of an earlier study of the same name."""

    def __init__(self, home: Home, study: str, experiment_id: str) -> None:
        self.path = home.looks / f"{study}.jsonl"
        self._experiment_id = experiment_id

    def read(self) -> tuple[RecordedLook, ...]:
        """Return the looks in order, one per set of seeds; incomplete lines are skipped."""
        found = [look for experiment, look in _looks_in(self.path) if experiment == self._experiment_id]
        return tuple({look.seeds: look for look in reversed(found)}.values())[::-1]

    def add(self, look: RecordedLook) -> None:
        """Append a look and flush it to disk. Raises OSError."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps({"experiment_id": self._experiment_id, **look.as_tree()})
        with self.path.open("ab") as file:
            file.write(b"\n" + line.encode() + b"\n")  # ends a half-written line before it
            file.flush()
            os.fsync(file.fileno())


def holds_looks(path: Path) -> bool:
    """Whether a file contains looks, of any study."""
    return any(True for _ in _looks_in(path))


def _looks_in(path: Path) -> Iterator[tuple[str, RecordedLook]]:
    """Yield experiment id and look of each complete line."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return
    for line in lines:
        with suppress(KeyError, TypeError, ValueError):
            tree = json.loads(line)
            yield tree["experiment_id"], recorded_look(tree)
