"""The worker process: runs one job after another and streams events. It does not access the stores.

`study.workers.executors.local` starts `python -m study.workers.worker FD THREADS`; FD is the worker's end of a pipe.
"""

from __future__ import annotations

import io
import os
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Generator
from contextlib import suppress
from functools import cache, lru_cache, partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter

from trainers.checkpoint import CheckpointFolder, TrainingBusy
from trainers.data import DataConfig, DataError
from trainers.disk import disk_fault, size_of
from trainers.errors import NotFinite
from trainers.find_method import find_method
from trainers.known_method import KnownMethod
from trainers.memory import give_back_memory, is_out_of_memory, keep_freed_memory
from trainers.method import Config
from trainers.method_training import MethodError, train_method
from trainers.results import AnyEpoch, AnyResult

from ..spec.trained_by import trained_by_method
from .artifacts import run_files
from .jobs import Answer, Busy, Ended, EpochDone, Event, Finished, HomeFault, Job, Started, Stopped, find

GPU_LOST = 70
"""Exit code of a worker whose CUDA context is broken."""

Training = Generator[AnyEpoch, None, AnyResult]


@lru_cache(maxsize=2)
def load_data(method: str, loader: str, data: str, folder: Path) -> Any:
    """Load the data set that `data` (a `DataConfig` as JSON) describes; cached for the next job."""
    config = TypeAdapter[Any](DataConfig).validate_json(data)
    return (find(loader) if loader else find_method(method).load)(config, folder)


def run_job(job: Job) -> Generator[Event, Answer, None]:
    """Train `job` and yield its events; send the answer to each `EpochDone` into the generator."""
    folder = CheckpointFolder(job.checkpoint, job.token, keep_all=job.keep == "all")
    keep_freed_memory()
    try:
        folder.acquire()
        yield from _train(job, folder)
    except TrainingBusy as busy:
        yield Busy(str(busy), busy.holder)
    except NotFinite as error:
        yield Ended("diverged", str(error))
    except (DataError, MethodError) as error:
        yield Ended("failed", str(error), for_good=True)
    except Exception as error:  # the study continues, and the run records why it ended
        traceback.print_exc()
        if fault := disk_fault(error, [job.checkpoint.parent, job.data_folder]):
            yield HomeFault(f"{type(error).__name__}: {error}", size_of(fault))
            return
        if is_out_of_memory(error):
            yield Ended("out_of_memory", str(error) or type(error).__name__)
            return
        _leave_if_the_gpu_is_lost(error)
        yield Ended("failed", f"{type(error).__name__}: {error}\n{traceback.format_exc()}")
    finally:
        folder.release()
        give_back_memory()


def _leave_if_the_gpu_is_lost(error: Exception) -> None:
    """Exit after an error that leaves this process without CUDA; the driver then starts another worker."""
    if isinstance(error, torch.AcceleratorError):
        print("this process can no longer use its GPU and exits", file=sys.stderr, flush=True)
        os._exit(GPU_LOST)


def _train(job: Job, folder: CheckpointFolder) -> Generator[Event, Answer, None]:
    method = find_method(job.method)
    if job.trained_by and _imported(job.method) != job.trained_by:
        raise MethodError(
            f"{job.method}: its source has changed since the study was started, so this run would not be what its"
            " fingerprint says; undo the change, or stop the study and start it again, which says what to do"
        )
    config = method.config.model_validate_json(job.config)
    trained_before = folder.finished
    data = load_data(job.method, job.loader, job.data, job.data_folder)
    if data.checksum != job.data_checksum:
        raise DataError(f"{data.name}: the data changed since the study started; start a new study for the new data")
    yield Started(trained_before, _device(config))
    if job.halve:
        config = method.halve(config, data)
    training: Training = _trainer(job, method)(config, job.seed, data, checkpoint=folder, test=job.test)
    while True:
        try:
            epoch = next(training)
        except StopIteration as end:
            yield Finished(end.value, run_files(config, end.value))
            if job.keep == "none" and not trained_before:
                _remove(folder)
            return
        answer = yield EpochDone(epoch)
        if answer != "go":
            training.close()
            if answer == "prune" and not trained_before:  # other studies can reuse a complete training
                _remove(folder)
            yield Stopped()
            return


@cache
def _imported(address: str) -> str:
    """Return what trains in this process: the source as it was when it was first used here."""
    return trained_by_method(find_method(address))


def _trainer(job: Job, method: KnownMethod) -> Callable[..., Training]:
    if job.trainer:
        return find(job.trainer)
    own: Callable[..., Training] = method.own.train  # type: ignore[assignment]  # MAML++ gives epochs as they are kept
    return partial(own, held_out=job.held_out) if method.is_mamlpp else partial(train_method, method)


def _remove(folder: CheckpointFolder) -> None:
    """Remove a training's checkpoints. A disk error is ignored: the run has already ended."""
    with suppress(OSError):
        folder.remove()


def _device(config: Config) -> str:
    device = getattr(config, "device", "cpu")
    if device == "cpu" or not torch.cuda.is_available():
        return "cpu"
    return torch.cuda.get_device_name(None if device == "auto" else device)


class _Inbox:
    """Messages from the driver, read in a thread, so that the driver's death is noticed at any time."""

    def __init__(self, pipe: Connection) -> None:
        self._messages: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._pipe = pipe
        self.training = False
        """While True, the worker exits only after the epoch, when its checkpoint is saved."""
        threading.Thread(target=self._watch, daemon=True).start()

    def get(self) -> Any:
        """Return the next message; None if the driver is dead."""
        return self._messages.get()

    def _watch(self) -> None:
        while True:
            try:
                self._messages.put(self._pipe.recv())
            except (EOFError, OSError):
                self._messages.put(None)
                if not self.training:
                    os._exit(0)
                return


def serve(pipe: Connection) -> None:
    """Run the jobs that arrive through `pipe` until its other end is closed."""
    inbox = _Inbox(pipe)
    while (job := inbox.get()) is not None:
        if not _serve(job, pipe, inbox):
            return


def _serve(job: Job, pipe: Connection, inbox: _Inbox) -> bool:
    """Run one job; False if the driver is dead."""
    print(f"--- {job.label} (seed {job.seed})", flush=True)
    events = run_job(job)
    try:
        event = next(events)
        while True:
            try:
                pipe.send(event)
            except OSError:
                return False
            answer: Any = None  # only an EpochDone takes an answer
            if isinstance(event, EpochDone) and (answer := inbox.get()) is None:
                return False
            inbox.training = True
            event = events.send(answer)
    except StopIteration:
        return True
    finally:
        inbox.training = False
        events.close()


class _Log(io.FileIO):
    """A log that drops lines on a full disk instead of raising."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def keep_printing() -> None:
    """Make sure that printing never raises."""
    sys.stdout, sys.stderr = (
        io.TextIOWrapper(
            io.BufferedWriter(_Log(number, "w", closefd=False)), encoding="utf-8", line_buffering=True, errors="replace"
        )
        for number in (1, 2)
    )


def keep_niceness(group: Path = Path("/proc/self/autogroup")) -> None:
    """Give this process's session the niceness of the process, so that `nice mamlab ...` holds for the workers too.

    Linux shares processor time among sessions first (autogroup, `man 7 sched`), and each worker is its own session.
    """
    with suppress(OSError):
        if (nice := os.nice(0)) > 0 and group.exists():
            group.write_text(str(nice))


def main() -> None:
    """Serve the pipe whose file descriptor is the first argument; the second is the number of torch threads."""
    for ignored in (signal.SIGINT, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    descriptor, threads = (int(argument) for argument in sys.argv[1:3])
    torch.set_num_threads(threads)
    keep_niceness()
    keep_printing()
    with Connection(descriptor) as pipe:
        serve(pipe)
    os._exit(0)


if __name__ == "__main__":
    main()
