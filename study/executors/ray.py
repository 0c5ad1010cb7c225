"""Workers as actors of a Ray cluster: on this machine, or on as many as the cluster has.

A call to an actor brings its next event, so events need no channel of their own, and an actor that died, alone or with
its node, is a call that fails. Ray kills the actors of a driver that died. `study.executors.local` has the same with pipes.
"""

from __future__ import annotations

import os
import sys
import time
import uuid
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..jobs import LAST_EVENTS, Answer, EpochDone, Event, EventSource, Job, Lost
from ..sections import ExecutionSection
from .local import STILLBORN, WorkersError, last_lines
from .ray_connection import connect, own_signals


class RayWorker:
    """What runs in an actor: job after job, an event a call. Prints to `log`, which the driver can read too."""

    def __init__(self, threads: int, log: Path) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as file:
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
                os.dup2(file.fileno(), stream.fileno())
        import torch

        torch.set_num_threads(threads)
        self._events: Generator[Event, Any, None] | None = None

    def pid(self) -> int:
        """Return this process's id, which says that the actor is there."""
        return os.getpid()

    def start(self, job: Job) -> Event:
        """Take a job and return its first event."""
        from ..worker import run_job

        print(f"--- {job.label} (seed {job.seed})", flush=True)
        self._events = run_job(job)
        return next(self._events)

    def go_on(self, answer: Answer | None) -> Event:
        """Return the next event of the job; `answer` is for the `EpochDone` before."""
        assert self._events is not None
        return self._events.send(answer)

    def end(self) -> None:
        """Give back what the job held, after its last event."""
        assert self._events is not None
        next(self._events, None)


@dataclass
class _Actor:
    """An actor, the answer that is awaited of it, and the job that it has."""

    handle: Any
    log: Path
    awaited: Any
    """A reference to its process id at first, then to the next event; None while it is idle or waits for an answer."""
    pid: int | None = None
    """None until the cluster has found a place for it."""
    key: str | None = None


class RayExecutor:
    """Actors of a Ray cluster, asked for at once and used for many jobs.

    A job is given only to an actor that has a place, so a cluster that shrinks (or is full) makes a study slower and never
    holds a run up; a dead actor is replaced by one that waits for a place.

    Args:
        slots: number of workers.
        threads: torch threads of each worker.
        logs: folder for what workers print, a file each; on a file system that all machines share.
        cpus: CPUs that Ray reserves for each worker.
        gpus: GPUs that Ray reserves for each worker; a fraction lets several share one.
        stop_ray: whether `close` leaves the cluster (and ends a Ray that was started for this driver).

    Raises WorkersError if no node of the cluster is as large as a worker.
    """

    def __init__(
        self, slots: int, threads: int, logs: Path, *, cpus: float, gpus: float = 0.0, stop_ray: bool = False
    ) -> None:
        import ray

        _check_room(cpus, gpus)
        self.slots = slots
        self._ray, self._threads, self._logs, self._stop_ray = ray, threads, logs, stop_ray
        self._class = ray.remote(num_cpus=cpus, num_gpus=gpus, max_restarts=0)(RayWorker)
        self._stillborn = 0
        self._actors = [self._start() for _ in range(slots)]

    @property
    def free(self) -> int:
        """Jobs that can be submitted now: actors that have a place, and no job."""
        return sum(actor.pid is not None and actor.key is None for actor in self._actors)

    @property
    def pids(self) -> dict[str, int]:
        """Process of each job in progress, on the machine where it runs."""
        return {actor.key: actor.pid for actor in self._actors if actor.key is not None and actor.pid is not None}

    def submit(self, job: Job) -> None:
        """Give `job` to a free worker."""
        actor = next(actor for actor in self._actors if actor.pid is not None and actor.key is None)
        actor.key, actor.awaited = job.key, actor.handle.start.remote(job)

    def answer(self, key: str, answer: Answer) -> None:
        """Answer the `EpochDone` of the job `key`."""
        for actor in self._actors:
            if actor.key == key:
                actor.awaited = actor.handle.go_on.remote(answer)

    def kill(self, key: str) -> None:
        """Kill the worker of the job `key`, which may hang; its `Lost` follows."""
        for actor in self._actors:
            if actor.key == key:
                self._ray.kill(actor.handle)

    def wait(self, timeout: float) -> list[EventSource]:
        """Return the next events, at most one a job, after at most `timeout` seconds."""
        by_reference = {actor.awaited: actor for actor in self._actors if actor.awaited is not None}
        if not by_reference:
            time.sleep(timeout)
            return []
        references = list(by_reference)
        if not self._ray.wait(references, num_returns=1, timeout=timeout)[0]:
            return []
        done, _ = self._ray.wait(references, num_returns=len(references), timeout=0)
        events = [self._receive(by_reference[reference]) for reference in done]
        return [event for event in events if event is not None]

    def close(self, grace: float = 5.0) -> None:
        """End all workers; one that still works after `grace` seconds is killed."""
        working = [actor.awaited for actor in self._actors if actor.key is not None and actor.awaited is not None]
        if working:
            self._ray.wait(working, num_returns=len(working), timeout=grace)
        for actor in self._actors:
            self._ray.kill(actor.handle)
        self._actors.clear()
        if self._stop_ray:
            with own_signals():
                self._ray.shutdown()

    def _receive(self, actor: _Actor) -> EventSource | None:
        """Take what `actor` answered: None if it only came to its place, or if it died without a job."""
        reference, actor.awaited = actor.awaited, None
        key = actor.key
        try:
            answer = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            lost = self._bury(actor, error)
            return None if key is None else (key, lost)
        if key is None:
            actor.pid, self._stillborn = answer, 0
            return None
        if isinstance(answer, LAST_EVENTS):
            actor.key = None
            actor.handle.end.remote()
        elif not isinstance(answer, EpochDone):
            actor.awaited = actor.handle.go_on.remote(None)
        return key, answer

    def _bury(self, actor: _Actor, error: Exception) -> Lost:
        self._actors.remove(actor)
        self._ray.kill(actor.handle)  # an actor out of reach may be alive
        cause = " ".join(str(error).split())[:600]
        words = last_lines(actor.log) if actor.log.exists() else "(it has none)"
        message = f"the worker (a Ray actor) ended: {cause}\nLast lines of {actor.log}:\n{words}"
        self._stillborn += actor.pid is None
        if self._stillborn >= STILLBORN:
            raise WorkersError(f"{STILLBORN} workers in a row died at their start; {message}")
        self._actors.append(self._start())
        return Lost(message)

    def _start(self) -> _Actor:
        log = self._logs / f"worker-{uuid.uuid4().hex[:8]}.log"
        handle = self._class.remote(self._threads, log)
        return _Actor(handle, log, handle.pid.remote())


def ray_executor(section: ExecutionSection, logs: Path) -> RayExecutor:
    """Return the workers that [execution] asks for, on the cluster at `address` or on a Ray that is started here.

    "auto" is as many workers as the cluster has room for now.
    """
    stop = connect(section.address)
    cpus = section.threads if section.cpus_per_run is None else section.cpus_per_run
    gpus = _default_gpus() if section.gpus_per_run is None else section.gpus_per_run
    slots = _room(cpus, gpus) if section.workers == "auto" else section.workers
    return RayExecutor(max(1, slots), section.threads, logs, cpus=cpus, gpus=gpus, stop_ray=stop)


def _nodes() -> list[dict[str, float]]:
    """Return what each living node of the cluster has in all."""
    import ray

    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def _fits(node: dict[str, float], cpus: float, gpus: float) -> int:
    """Return how many workers `node` has room for."""
    return int(min(node.get(name, 0.0) / wanted for name, wanted in (("CPU", cpus), ("GPU", gpus)) if wanted))


def _room(cpus: float, gpus: float) -> int:
    return sum(_fits(node, cpus, gpus) for node in _nodes())


def _default_gpus() -> float:
    """Return 1 if the cluster has a GPU: a run takes it for itself unless `gpus_per_run` says less."""
    return float(any(node.get("GPU") for node in _nodes()))


def _check_room(cpus: float, gpus: float) -> None:
    if not _room(cpus, gpus):
        largest = {name: max((node.get(name, 0.0) for node in _nodes()), default=0.0) for name in ("CPU", "GPU")}
        raise WorkersError(
            f"[execution] cpus_per_run = {cpus:g}, gpus_per_run = {gpus:g}: no node of the Ray cluster has room for such a "
            f"run (most on one node: {largest['CPU']:g} CPUs, {largest['GPU']:g} GPUs); ask for less, or add a node"
        )
