"""Workers as local processes, each connected by a pipe; end of file means that the other side died."""

from __future__ import annotations

import math
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import connection
from pathlib import Path

from trainers.errors import MamlabError

from ...processes import child_environment
from ...spec.sections import ExecutionSection
from ...stores.urls import VARIABLES
from ..jobs import LAST_EVENTS, Answer, Event, EventSource, Job, Lost
from .placement import cores_here, gpus_for, sharing_notes, slots_for

MAX_FAILED_STARTS = 3
"""After this many workers in a row died before their first event, the study stops."""


ROOT = str(Path(__file__).parents[3])
"""The folder that contains the package `study`."""


class WorkersError(MamlabError, RuntimeError):
    """Workers cannot be started; the message includes the last lines of the log."""


@dataclass
class _Worker:
    """A process, this side of its pipe, and its current job."""

    process: subprocess.Popen[bytes]
    pipe: connection.Connection
    log: Path
    key: str | None = None
    spoke: bool = False


class LocalExecutor:
    """Worker processes on this machine, started on demand and reused.

    Args:
        slots: number of workers.
        threads: torch threads of each worker.
        logs: folder for the workers' output, one file each.
        gpus: CUDA devices to assign to the workers, round robin; empty: do not set CUDA_VISIBLE_DEVICES.
        notes: what to tell the user first.
    """

    def __init__(
        self, slots: int, threads: int, logs: Path, gpus: tuple[str, ...] = (), notes: tuple[str, ...] = ()
    ) -> None:
        self.slots = slots
        self._threads, self._logs, self._gpus = threads, logs, gpus
        self._workers: dict[int, _Worker] = {}
        self._failed_starts = 0
        self._notes = [*notes]

    @property
    def gpus_per_run(self) -> float:
        """GPUs that a run takes: a share of one where several workers use it; 1 where there is none."""
        return 1 / math.ceil(self.slots / len(self._gpus)) if self._gpus else 1.0

    @property
    def free(self) -> int:
        """Jobs that can be submitted now."""
        return self.slots - sum(worker.key is not None for worker in self._workers.values())

    @property
    def pids(self) -> dict[str, int]:
        """Process of each job in progress."""
        return {worker.key: worker.process.pid for worker in self._workers.values() if worker.key is not None}

    def submit(self, job: Job) -> None:
        """Give `job` to a free worker; a dead worker is replaced."""
        worker = self._free_worker()
        worker.key = job.key
        with suppress(OSError):  # died just now: its pipe's end of file becomes a Lost
            worker.pipe.send(job)

    def answer(self, key: str, answer: Answer) -> None:
        """Answer the `EpochDone` of the job `key`."""
        for worker in self._workers.values():
            if worker.key == key:
                with suppress(OSError):
                    worker.pipe.send(answer)

    def kill(self, key: str) -> None:
        """Kill the worker of the job `key`, which may hang; its `Lost` follows."""
        for worker in self._workers.values():
            if worker.key == key:
                worker.process.kill()

    def wait(self, timeout: float) -> list[EventSource]:
        """Return the next events, at most one a job, after at most `timeout` seconds."""
        by_pipe = {worker.pipe: (slot, worker) for slot, worker in self._workers.items()}
        if not by_pipe:
            time.sleep(timeout)
        events: list[EventSource] = []
        for pipe in connection.wait(list(by_pipe), timeout) if by_pipe else ():
            assert isinstance(pipe, connection.Connection)
            slot, worker = by_pipe[pipe]
            key, event = worker.key, self._receive(slot, worker)
            if key is not None:
                events.append((key, event))
        return events

    def notes(self) -> list[str]:
        """Return the first notes, once: problems of local workers are reported with their jobs."""
        notes, self._notes = self._notes, []
        return notes

    def close(self, grace: float = 5.0) -> None:
        """Stop all workers; those still busy after `grace` seconds are killed."""
        for worker in self._workers.values():
            worker.pipe.close()
        deadline = time.monotonic() + grace
        for worker in self._workers.values():
            with suppress(subprocess.TimeoutExpired):
                worker.process.wait(max(0.0, deadline - time.monotonic()))
            worker.process.kill()
            worker.process.wait()
        self._workers.clear()

    def _receive(self, slot: int, worker: _Worker) -> Event:
        try:
            event: Event = worker.pipe.recv()
        except (EOFError, OSError):
            return self._reap(slot, worker)
        worker.spoke, self._failed_starts = True, 0
        if isinstance(event, LAST_EVENTS):
            worker.key = None
        return event

    def _reap(self, slot: int, worker: _Worker) -> Lost:
        worker.pipe.close()
        with suppress(subprocess.TimeoutExpired):
            worker.process.wait(2.0)  # to report its own exit code, not that of our signal
        worker.process.kill()
        code = worker.process.wait()
        del self._workers[slot]
        cause = f"signal {-code}" if code < 0 else f"exit code {code}"
        message = f"the worker process ended ({cause})\nLast lines of {worker.log}:\n{last_lines(worker.log)}"
        self._failed_starts += not worker.spoke
        if self._failed_starts >= MAX_FAILED_STARTS:
            raise WorkersError(f"{MAX_FAILED_STARTS} workers in a row died while starting; {message}")
        return Lost(message)

    def _free_worker(self) -> _Worker:
        for worker in self._workers.values():
            if worker.key is None:
                return worker
        slot = next(number for number in range(self.slots) if number not in self._workers)
        self._workers[slot] = self._start(slot)
        return self._workers[slot]

    def _start(self, slot: int) -> _Worker:
        self._logs.mkdir(parents=True, exist_ok=True)
        log = self._logs / f"worker-{slot}.log"
        with _pipe() as (ours, theirs), log.open("ab") as output:
            command = [sys.executable, "-P", "-m", "study.workers.worker", str(theirs.fileno()), str(self._threads)]
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=[theirs.fileno()],
                env=self._environment(slot),
                start_new_session=True,  # the terminal's Ctrl-C and hang-up are the driver's to handle
            )
            return _Worker(process, connection.Connection(ours.detach()), log)

    def _environment(self, slot: int) -> Mapping[str, str]:
        environment = child_environment(OMP_NUM_THREADS=str(self._threads), MKL_NUM_THREADS=str(self._threads))
        for secret in (*VARIABLES.values(), "RAY_AUTH_TOKEN"):  # a worker holds no database and starts no Ray
            environment.pop(secret, None)
        paths = [path for path in sys.path if path]  # "", the current folder, may be where mamlab was found
        environment["PYTHONPATH"] = os.pathsep.join([*paths, *([] if ROOT in paths else [ROOT])])
        if self._gpus:
            environment["MAMLAB_GPU_SHARE"] = str(self.gpus_per_run)
            environment["CUDA_VISIBLE_DEVICES"] = self._gpus[slot % len(self._gpus)]
        return environment


def last_lines(log: Path, count: int = 12) -> str:
    """Return the last `count` lines of `log`, each at most 300 characters."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 20_000))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError as error:
        return f"(cannot be read: {error.strerror})"
    return "\n".join(line[:300] for line in lines[-count:]) or "(empty)"


def local_executor(section: ExecutionSection, logs: Path, device: str = "auto") -> LocalExecutor:
    """Return the executor that [execution] configures; `device` is the trainer's."""
    gpus = gpus_for(device)
    handed_out = () if ":" in device else gpus
    slots = slots_for(section, len(gpus), cores_here())
    return LocalExecutor(slots, section.threads, logs, handed_out, sharing_notes(slots, len(gpus)))


@contextmanager
def _pipe() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Yield both ends of a pipe; ends that were not detached are closed afterwards."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs
