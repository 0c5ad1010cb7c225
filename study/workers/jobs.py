"""What passes between driver and worker: a job goes in, events come out, each epoch is answered."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from trainers.results import AnyEpoch, AnyResult

Answer = Literal["go", "prune", "leave"]
"""What a worker does after an epoch: train on, stop for good, or stop and keep the checkpoint."""


@dataclass(frozen=True)
class Job:
    """One training, as a worker needs to know it."""

    key: str
    """Names the run within its driver."""
    label: str
    config: str
    """The method's config as JSON."""
    seed: int
    data: str
    """`DataConfig` as JSON."""
    data_folder: Path
    data_checksum: str
    """What the data must be: the fingerprint covers it."""
    checkpoint: Path
    """The training's folder."""
    token: str
    """The attempt: a worker with an older token cannot write the training."""
    halve: bool = False
    """Compute half as many tasks together: the attempt before ran out of memory."""
    test: bool = True
    keep: Literal["best", "all", "none"] = "best"
    """Which checkpoints stay when the run is complete."""
    method: str = ""
    """Who trains, as module:name; empty for MAML++."""
    trainer: str = ""
    """A function that trains in the method's place, as module:name, with the signature of `trainers.training.train`."""
    loader: str = ""
    """A function that loads the data in its place, as module:name, with the signature of `trainers.data.load`."""


@dataclass(frozen=True)
class Started:
    """The worker holds the training. `reused`: it was complete before; its results are sent again."""

    reused: bool
    device: str


@dataclass(frozen=True)
class EpochDone:
    """An epoch is trained (or sent again) and in the checkpoint; the worker waits for an `Answer`."""

    result: AnyEpoch


@dataclass(frozen=True)
class Finished:
    """All epochs are done; `files` are artifacts by name."""

    result: AnyResult
    files: dict[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Stopped:
    """The worker did as it was answered ("prune" or "leave") and is free again."""


@dataclass(frozen=True)
class Ended:
    """The training ended without a result; `message` is for the user. `for_good`: it would end alike if tried again."""

    state: Literal["diverged", "out_of_memory", "failed"]
    message: str
    for_good: bool = False


@dataclass(frozen=True)
class Busy:
    """Another process holds the training; the job is to be tried again later. `holder`: its host, process, and since
    when.
    """

    message: str
    holder: str = ""


@dataclass(frozen=True)
class HomeFault:
    """The home's disk failed: a checkpoint could not be written, or a file not be read. `size`: bytes that had no
    room.
    """

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
