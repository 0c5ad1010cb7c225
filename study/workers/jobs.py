"""Messages between driver and worker: a job, its events, and the driver's answer to each epoch."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from trainers.results import AnyEpoch, AnyResult

Answer = Literal["go", "prune", "leave"]
"""After an epoch: continue, stop permanently, or stop and keep the checkpoint."""


@dataclass(frozen=True)
class Job:
    """One training for a worker."""

    key: str
    """Identifies the run within its driver."""
    label: str
    config: str
    """The method's config as JSON."""
    seed: int
    data: str
    """`DataConfig` as JSON."""
    data_folder: Path
    data_checksum: str
    """Expected checksum of the data, which is part of the fingerprint."""
    checkpoint: Path
    """The training's folder."""
    token: str
    """Identifies the attempt: a worker with an older token cannot write checkpoints."""
    halve: bool = False
    """Compute half as many tasks at once, because the previous attempt ran out of memory."""
    test: bool = True
    held_out: bool = False
    """Score a complete run on held-out validation tasks; MAML++ only."""
    keep: Literal["best", "all", "none"] = "best"
    """Which checkpoints to keep when the run is complete."""
    method: str = ""
    """Who trains, as module:name; empty for MAML++."""
    trained_by: str = ""
    """The method's name, version and source as the study has them; empty: not compared with what the worker imports."""
    trainer: str = ""
    """A function that trains in the method's place, as module:name, with the signature of `trainers.training.train`."""
    loader: str = ""
    """A function that loads the data in its place, as module:name, with the signature of `trainers.data.load`."""


@dataclass(frozen=True)
class Started:
    """The worker holds the training's lock. `reused`: it was already complete; its results are sent again."""

    reused: bool
    device: str


@dataclass(frozen=True)
class EpochDone:
    """An epoch is done (or sent again) and in the checkpoint; the worker waits for an `Answer`."""

    result: AnyEpoch


@dataclass(frozen=True)
class Finished:
    """All epochs are done; `files` are artifacts by name."""

    result: AnyResult
    files: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Stopped:
    """The worker has followed the answer "prune" or "leave" and is free again."""


@dataclass(frozen=True)
class Ended:
    """The training ended without a result; `message` is for the user. `for_good`: a retry would fail the same way."""

    state: Literal["diverged", "out_of_memory", "failed"]
    message: str
    for_good: bool = False


@dataclass(frozen=True)
class Busy:
    """Another process holds the training's lock: retry later. `holder`: its host, process and start time."""

    message: str
    holder: str = ""


@dataclass(frozen=True)
class HomeFault:
    """The home's disk failed: a file could not be written or read. `size`: bytes that did not fit."""

    message: str
    size: int = 0


@dataclass(frozen=True)
class Lost:
    """The worker process died; `message` ends with the last lines of its log. Sent by the executor."""

    message: str


Event = Started | EpochDone | Finished | Stopped | Ended | Busy | HomeFault | Lost
LAST_EVENTS = (Finished, Stopped, Ended, Busy, HomeFault, Lost)
"""The worker is free after one of these."""
EventSource = tuple[str, Event]
"""A job's key, and what happened to it."""


def find(address: str) -> Callable[..., Any]:
    """Return the function that `address` ("module:name") names."""
    module, _, name = address.partition(":")
    function: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return function
