"""What could not be written into a store that was away, on disk: a file a study, a line an event, JSON.

A line is written whole and flushed; a last line that a dying process left half written is passed over. Writing an
event into the stores twice changes nothing, so a line may stay although it was written.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import GenericAlias
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from ..workers.jobs import Ended, EpochDone, Event, Finished, Started
from .plan import RunPlan

KINDS: dict[str, type] = {kind.__name__: kind for kind in (Started, EpochDone, Finished, Ended)}
"""The events that change the stores."""


@dataclass(frozen=True)
class RunKey:
    """Names a run for good: trial and seed within the study, and what is trained."""

    trial: int
    seed: int
    fingerprint: str

    @classmethod
    def of(cls, plan: RunPlan) -> RunKey:
        """Return the key of a planned run."""
        return cls(plan.trial, plan.seed, plan.fingerprint)


class Journal:
    """The file of one study; absent while there is nothing in it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, key: RunKey, events: Iterable[Event]) -> None:
        """Append events of a run, and see them on disk. Raises OSError."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.write(b"\n" + b"".join(_line(key, event) for event in events))  # a half line before stays alone
            file.flush()
            os.fsync(file.fileno())

    def read(self) -> dict[RunKey, list[Event]]:
        """Return the events by run, each run's in their order; lines that are not whole are left out."""
        found: dict[RunKey, list[Event]] = {}
        for line in self.path.read_bytes().splitlines() if self.path.exists() else []:
            try:
                entry = json.loads(line)
                (event,) = _adapter(entry["kind"]).validate_python(entry["event"])
                found.setdefault(RunKey(entry["trial"], entry["seed"], entry["cell"]), []).append(event)
            except (ValueError, KeyError, TypeError, ValidationError):
                continue
        return found

    def clear(self) -> None:
        """Forget everything."""
        self.path.unlink(missing_ok=True)


def _line(key: RunKey, event: Event) -> bytes:
    kind = type(event).__name__
    entry = {
        "trial": key.trial,
        "seed": key.seed,
        "cell": key.fingerprint,
        "kind": kind,
        "event": _adapter(kind).dump_python((event,), mode="json"),
    }
    return json.dumps(entry).encode() + b"\n"


@cache
def _adapter(kind: str) -> TypeAdapter[Any]:
    """Return what reads and writes one kind of event: bytes as base64, infinities and NaN as they are."""
    one: Any = GenericAlias(tuple, (KINDS[kind],))  # in a tuple: pydantic takes no config for a dataclass itself
    return TypeAdapter(one, config=ConfigDict(ser_json_bytes="base64", val_json_bytes="base64"))
