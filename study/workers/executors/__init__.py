"""Executors: run workers on this machine or on a Ray cluster, behind the `Executor` protocol."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from ...spec.sections import ExecutionSection
from ...stores.home import Home
from ..jobs import Answer, EventSource, Job
from .local import LocalExecutor, local_executor
from .ray import RayExecutor, ray_executor

__all__ = ["Executor", "LocalExecutor", "RayExecutor", "make_executor"]


class Executor(Protocol):
    """A fixed number of workers, each with at most one job at a time."""

    slots: int
    """Jobs that can be in progress at once."""

    @property
    def gpus_per_run(self) -> float:
        """GPUs that a run takes: a share of one where several workers use it; 1 where there is none."""

    @property
    def free(self) -> int:
        """Jobs that can be submitted now."""

    def submit(self, job: Job) -> None:
        """Give `job` to a free worker; a dead worker is replaced."""

    def answer(self, key: str, answer: Answer) -> None:
        """Answer the `EpochDone` of the job `key`."""

    def kill(self, key: str) -> None:
        """Kill the worker of the job `key`, which may hang; its `Lost` follows."""

    def wait(self, timeout: float) -> list[EventSource]:
        """Return the next events, at most one a job, after at most `timeout` seconds."""

    def notes(self) -> list[str]:
        """Return new notes for the user about the workers."""

    def close(self, grace: float = 5.0) -> None:
        """Stop all workers; those still busy after `grace` seconds are killed."""


def make_executor(
    section: ExecutionSection, home: Home, name: str, device: str = "auto", paths: tuple[Path, ...] = ()
) -> Executor:
    """Return the executor that [execution] configures, for the study `name`; `paths` are data outside the home.

    Raises WorkersError if Ray is configured but not installed, does not answer, or has no room for a run.
    """
    if section.executor == "ray":
        return ray_executor(section, home, name, paths)
    return local_executor(section, home.logs / name, device)
