"""Workers as Ray actors, on this machine or on a cluster.

Each call to an actor returns its next event, so no extra channel is needed, and the death of an actor or its node shows
as a failed call. Ray kills the actors of a dead driver. `study.workers.executors.local` does the same with pipes.
"""

from __future__ import annotations

import os
import platform
import sys
import time
import uuid
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...spec.sections import ExecutionSection
from ...stores.home import Home
from ..jobs import LAST_EVENTS, Answer, EpochDone, Event, EventSource, Job, Lost
from .handshake import Handshake, Question, Reply
from .handshake import answer as answer_as
from .local import MAX_FAILED_STARTS, WorkersError, last_lines
from .ray_connection import connect, own_signals
from .ray_nodes import Nodes, default_gpus, node_of


class RayWorker:
    """Runs in an actor: one job after another, one event per call."""

    def __init__(self) -> None:
        self._events: Generator[Event, Any, None] | None = None

    def introduce(self, question: Question, threads: int, log: Path) -> Reply:
        """Answer the handshake. If the driver's home is visible, print to `log` from now on."""
        import ray

        node = ray.get_runtime_context().get_node_id()
        machine = f"{ray.util.get_node_ip_address()} ({platform.node()})"
        reply = answer_as(question, node, machine, os.getpid())
        if reply.proof:
            _print_to(log)
        import torch

        from ..worker import keep_printing

        keep_printing()
        torch.set_num_threads(threads)
        return reply

    def start(self, job: Job) -> Event:
        """Take a job and return its first event."""
        from ..worker import run_job

        print(f"--- {job.label} (seed {job.seed})", flush=True)
        self._events = run_job(job)
        return next(self._events)

    def go_on(self, answer: Answer | None) -> Event:
        """Return the job's next event; `answer` is for the preceding `EpochDone`."""
        assert self._events is not None
        return self._events.send(answer)

    def end(self) -> None:
        """Release the job's resources after its last event."""
        assert self._events is not None
        next(self._events, None)


def _print_to(log: Path) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            os.dup2(file.fileno(), stream.fileno())


@dataclass
class _Actor:
    """An actor, its pending call, and its current job."""

    handle: Any
    log: Path
    awaited: Any
    """Reference to its handshake `Reply`, later to its next event; None while it is idle or waits for an answer."""
    pid: int | None = None
    """None until it has passed the handshake."""
    key: str | None = None


class RayExecutor:
    """Actors of a Ray cluster, requested at the start and reused.

    Jobs go only to actors that Ray has placed, so a cluster that shrinks or is full slows a study down but never blocks
    a run. A dead actor is replaced by one that waits to be placed.

    Args:
        slots: number of workers.
        threads: torch threads of each worker.
        home: must be visible to every worker; holds the workers' logs, one file each.
        name: the study's name, used for the log folder.
        paths: data outside the home that must be visible to every worker.
        cpus: CPUs that Ray reserves for each worker.
        gpus: GPUs that Ray reserves for each worker; a fraction lets several share one.
        stop_ray: whether `close` disconnects from the cluster (and stops a Ray that was started for this driver).

    Raises WorkersError if no node of the cluster is large enough for a worker, or the home cannot be written.
    """

    def __init__(
        self, slots: int, threads: int, home: Home, *, name: str = "", paths: tuple[Path, ...] = (), cpus: float,
        gpus: float = 0.0, stop_ray: bool = False,
    ) -> None:  # fmt: skip
        import ray

        self.slots, self.gpus_per_run = slots, gpus
        self._nodes = Nodes(cpus, gpus)
        self._handshake = _handshake(home, paths)
        self._ray, self._threads, self._logs, self._stop_ray = ray, threads, home.logs / name, stop_ray
        self._class = ray.remote(num_cpus=cpus, num_gpus=gpus, max_restarts=0)(RayWorker)
        self._actors = [self._start() for _ in range(slots)]

    @property
    def free(self) -> int:
        """Jobs that can be submitted now: placed actors without a job."""
        return sum(actor.pid is not None and actor.key is None for actor in self._actors)

    @property
    def pids(self) -> dict[str, int]:
        """Process id of each job in progress, on the machine where it runs."""
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

    def notes(self) -> list[str]:
        """Return new notes for the user: nodes that get no runs, and why."""
        return self._nodes.notes()

    def close(self, grace: float = 5.0) -> None:
        """Stop all workers; those still busy after `grace` seconds are killed."""
        working = [actor.awaited for actor in self._actors if actor.key is not None and actor.awaited is not None]
        if working:
            self._ray.wait(working, num_returns=len(working), timeout=grace)
        for actor in self._actors:
            self._ray.kill(actor.handle)
        self._actors.clear()
        self._handshake.close()
        if self._stop_ray:
            with own_signals():
                self._ray.shutdown()

    def _receive(self, actor: _Actor) -> EventSource | None:
        """Return the result of `actor`'s call; None for a handshake, or if it died without a job."""
        reference, actor.awaited = actor.awaited, None
        key = actor.key
        try:
            answer = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            lost = self._reap(actor, error)
            return None if key is None else (key, lost)
        if key is None:
            self._welcome(actor, answer)
            return None
        if isinstance(answer, LAST_EVENTS):
            actor.key = None
            actor.handle.end.remote()
        elif not isinstance(answer, EpochDone):
            actor.awaited = actor.handle.go_on.remote(None)
        return key, answer

    def _welcome(self, actor: _Actor, reply: Reply) -> None:
        """Accept an actor that passes the handshake; otherwise kill it and exclude its node."""
        lack = self._handshake.lack(reply)
        if not lack:
            actor.pid = reply.pid
            self._nodes.accept(reply.node)
            return
        self._actors.remove(actor)
        self._ray.kill(actor.handle)
        self._refuse(reply.node, f"Ray node {reply.machine} {lack}, or start Ray without that node")
        self._actors.append(self._start())

    def _refuse(self, node: str, why: str) -> None:
        self._nodes.refuse(node, why)
        self.slots = max(1, min(self.slots, self._nodes.room))

    def _reap(self, actor: _Actor, error: Exception) -> Lost:
        self._actors.remove(actor)
        self._ray.kill(actor.handle)  # an unreachable actor may still be running
        cause = " ".join(str(error).split())[:600]
        words = last_lines(actor.log) if actor.log.exists() else "(no log file)"
        message = f"the worker (a Ray actor) ended: {cause}\nLast lines of {actor.log}:\n{words}"
        if actor.pid is None and self._nodes.strike(node := node_of(actor.handle)):
            self._refuse(node, f"{MAX_FAILED_STARTS} workers in a row died while starting on one node; {message}")
        self._actors.append(self._start())
        return Lost(message)

    def _start(self) -> _Actor:
        log = self._logs / f"worker-{uuid.uuid4().hex[:8]}.log"
        handle = self._class.options(**self._nodes.options).remote()
        return _Actor(handle, log, handle.introduce.remote(self._handshake.question, self._threads, log))


def _handshake(home: Home, paths: tuple[Path, ...]) -> Handshake:
    try:
        return Handshake(home, paths)
    except OSError as error:
        raise WorkersError(f"the home {home.root} cannot be written, so no worker can use it: {error}") from None


def ray_executor(section: ExecutionSection, home: Home, name: str = "", paths: tuple[Path, ...] = ()) -> RayExecutor:
    """Return the executor that [execution] configures, on the cluster at `address` or on a new local Ray.

    "auto" is as many workers as the cluster has room for now.
    """
    stop = connect(section.address)
    cpus = section.threads if section.cpus_per_run is None else section.cpus_per_run
    gpus = default_gpus() if section.gpus_per_run is None else section.gpus_per_run
    slots = Nodes(cpus, gpus).room if section.workers == "auto" else section.workers
    return RayExecutor(
        max(1, slots), section.threads, home, name=name, paths=paths, cpus=cpus, gpus=gpus, stop_ray=stop
    )
