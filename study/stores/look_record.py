"""The looks that were taken at an ablation, on disk: a file a study, a line a look, JSON. Lines are only added."""

from __future__ import annotations

import json
import os
from dataclasses import asdict

from reports.shown import Shown, shown_of

from .home import Home


class LookRecord:
    """The looks at one study, which its experiment's id tells from a later study of the same name."""

    def __init__(self, home: Home, study: str, experiment_id: str) -> None:
        self.path = home.looks / f"{study}.jsonl"
        self._experiment_id = experiment_id

    def read(self) -> tuple[Shown, ...]:
        """Return the looks in their order, each set of seeds once; lines that are not whole are passed over."""
        try:
            lines = self.path.read_bytes().splitlines()
        except OSError:
            return ()
        found = [look for line in lines if (look := self._look(line))]
        return tuple({look.seeds: look for look in reversed(found)}.values())[::-1]

    def add(self, look: Shown) -> None:
        """Append a look, and see it on disk. Raises OSError."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps({"experiment_id": self._experiment_id, **asdict(look)})
        with self.path.open("ab") as file:
            file.write(b"\n" + line.encode() + b"\n")  # a half line before stays alone
            file.flush()
            os.fsync(file.fileno())

    def _look(self, line: bytes) -> Shown | None:
        try:
            tree = json.loads(line)
            return shown_of(tree) if tree["experiment_id"] == self._experiment_id else None
        except (KeyError, TypeError, ValueError):
            return None
