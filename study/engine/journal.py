"""Journal of events that could not be written to an unreachable store: one JSONL file per study, one event per line.

Lines are flushed when written; an incomplete last line is skipped. Writing an event to the stores twice changes
nothing, so a line may remain after it was written.
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
    """Permanent identity of a run: trial and seed within the study, and fingerprint."""

    trial: int
    seed: int
    fingerprint: str

    @classmethod
    def of(cls, plan: RunPlan) -> RunKey:
        """Return the key of a planned run."""
        return cls(plan.trial, plan.seed, plan.fingerprint)


class Journal:
    """The journal of one study; the file exists only while it has events."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, key: RunKey, events: Iterable[Event]) -> None:
        """Append events of a run and flush them to disk. Raises OSError."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.write(b"\n" + b"".join(_line(key, event) for event in events))  # ends a half-written line before it
            file.flush()
            os.fsync(file.fileno())

    def read(self) -> dict[RunKey, list[Event]]:
        """Return the events by run, in order; incomplete lines are skipped."""
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
        """Delete the journal."""
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
    """Return the serializer of one kind of event: bytes as base64, infinities and NaN unchanged."""
    one: Any = GenericAlias(tuple, (KINDS[kind],))  # in a tuple, because pydantic takes no config for a dataclass
    return TypeAdapter(one, config=ConfigDict(ser_json_bytes="base64", val_json_bytes="base64"))
