"""Capacity of one driver: ``python -m benchmarks.scaling [--kind search] [--runs 2000] [--workers 64]``.

The trainer sleeps, and the workers are threads of this process that implement the `Executor` protocol. So the benchmark
measures the driver with both databases, not training. For every tenth of the runs it prints: finished runs per second,
CPU seconds of the driver's thread per run, memory of the process, and the size of the databases.
"""

from __future__ import annotations

import argparse
import os
import queue
import resource
import tempfile
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import torch

from study.engine.driver import run_study
from study.engine.progress import StudyProgress
from study.spec.config import StudyConfig
from study.spec.parsing import parse_spec
from study.stores.home import Home
from study.workers.jobs import LAST_EVENTS, Answer, EpochDone, Event, EventSource, Finished, Job, Started, Stopped
from trainers.data.classes import SPLITS, ClassData, ClassRange
from trainers.data.config import DataConfig
from trainers.results import EpochResult, TrainResult

EPOCHS = 5
EPOCH_SECONDS = 0.2
ARMS = 8
COMMON = """
[study]
name = "scaling"
[data]
source = "glyphs"
[trainer]
budget = {{ epochs = 5, iterations = 1 }}
[execution]
workers = {workers}
"""
ABLATION = '[ablation]\ndesign = "arms"\nseeds = {seeds}\n'
SEARCH = """
[space]
"outer.lr" = {{ low = 1e-4, high = 1e-1, log = true }}
"inner.steps" = {{ low = 2, high = 5 }}
[sampler]
name = "{sampler}"
[pruner]
name = "none"
[budget]
trials = {runs}
"""


def load(config: DataConfig, folder: Path) -> ClassData:
    """Return 20 classes of black images per split."""
    classes = {split: tuple(ClassRange(f"{split}{i}", 0, 40) for i in range(20)) for split in SPLITS}
    return ClassData("black", torch.zeros(40, 1, 28, 28, dtype=torch.uint8), classes)


def events(job: Job) -> Generator[Event, Answer, None]:
    """Sleep instead of training, and send the events that a worker would."""
    yield Started(False, "cpu")
    for number in range(1, EPOCHS + 1):
        time.sleep(EPOCH_SECONDS)
        value = (hash(job.key) % 1000) / 1000 * number / EPOCHS
        answer = yield EpochDone(
            EpochResult(
                epoch=number,
                train_loss=1 - value,
                train_accuracy=value,
                val_loss=1 - value,
                val_accuracy=value,
                val_accuracy_se=0.01,
                outer_lr=0.001,
                seconds=EPOCH_SECONDS,
                tasks_per_second=1.0,
                finished_at=time.time(),
            )
        )
        if answer != "go":
            yield Stopped()
            return
    yield Finished(TrainResult(EPOCHS, value, (EPOCHS,), {}, EPOCHS * EPOCH_SECONDS, test_accuracy=value))


@dataclass
class _Thread:
    """A worker. It receives messages through `inbox`, and ends when it receives None."""

    inbox: queue.SimpleQueue[Job | Answer | None] = field(default_factory=queue.SimpleQueue)
    key: str | None = None


class ThreadExecutor:
    """Workers as threads of this process; only for measuring, because a thread cannot be killed."""

    def __init__(self, slots: int) -> None:
        self.slots, self.gpus_per_run = slots, 1.0
        self._events: queue.SimpleQueue[EventSource] = queue.SimpleQueue()
        self._threads = [_Thread() for _ in range(slots)]
        for thread in self._threads:
            threading.Thread(target=self._serve, args=(thread,), daemon=True).start()

    @property
    def free(self) -> int:
        return sum(thread.key is None for thread in self._threads)

    def notes(self) -> list[str]:
        return []

    def submit(self, job: Job) -> None:
        thread = next(thread for thread in self._threads if thread.key is None)
        thread.key = job.key
        thread.inbox.put(job)

    def answer(self, key: str, answer: Answer) -> None:
        next(thread for thread in self._threads if thread.key == key).inbox.put(answer)

    def kill(self, key: str) -> None:
        raise NotImplementedError("a thread cannot be killed")

    def wait(self, timeout: float) -> list[EventSource]:
        found: list[EventSource] = []
        with suppress(queue.Empty):
            found.append(self._events.get(timeout=timeout))
            while True:
                found.append(self._events.get_nowait())
        ended = {key for key, event in found if isinstance(event, LAST_EVENTS)}
        for thread in self._threads:
            if thread.key in ended:
                thread.key = None
        return found

    def close(self, grace: float = 5.0) -> None:
        for thread in self._threads:
            thread.inbox.put(None)

    def _serve(self, thread: _Thread) -> None:
        while isinstance(job := thread.inbox.get(), Job):
            stream = events(job)
            event = next(stream)
            while True:
                self._events.put((job.key, event))
                if isinstance(event, LAST_EVENTS):
                    break
                answer = thread.inbox.get() if isinstance(event, EpochDone) else "go"
                if answer is None:
                    return
                assert not isinstance(answer, Job)
                event = stream.send(answer)


@dataclass
class Meter:
    """Records a row for each tenth of the runs; the driver calls it in its thread."""

    runs: int
    home: Home
    rows: list[str] = field(default_factory=list)
    ended: int = 0
    wall: float = field(default_factory=time.monotonic)
    cpu: float = field(default_factory=time.thread_time)
    counted: int = 0
    started: float = 0.0
    """Time at which both databases were created and all runs enqueued."""

    def __call__(self, snapshot: StudyProgress) -> None:
        self.started = self.started or time.monotonic()
        if not self.ended and not snapshot.just_ended:
            self.wall, self.cpu = time.monotonic(), time.thread_time()  # without the start
        self.ended += len(snapshot.just_ended)
        if self.ended - self.counted >= self.runs // 10 or (snapshot.finished and self.ended > self.counted):
            print(self._row(self.ended - self.counted), flush=True)
            self.wall, self.cpu, self.counted = time.monotonic(), time.thread_time(), self.ended

    def _row(self, count: int) -> str:
        wall, cpu = time.monotonic() - self.wall, time.thread_time() - self.cpu
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20
        sizes = " | ".join(f"{size / 2**20:.0f}" for size in store_sizes(self.home))
        return (
            f"| {self.ended} | {count / wall:.1f} | {1000 * cpu / count:.0f} | {100 * cpu / wall:.0f} | {resident:.0f}"
            f" | {sizes} |"
        )


def store_sizes(home: Home) -> Iterator[int]:
    """Yield the bytes of Optuna's database, MLflow's database, and the artifacts."""
    for store in (home.optuna_db, home.mlflow_db):
        yield sum(file.stat().st_size for file in store.parent.glob(f"{store.name}*"))
    yield sum(file.stat().st_size for file in home.artifacts.rglob("*") if file.is_file())


def study(kind: str, runs: int, workers: int, sampler: str) -> StudyConfig:
    """Return a study with this many runs."""
    text = COMMON.format(workers=workers)
    if kind == "search":
        return parse_spec(text + SEARCH.format(runs=runs, sampler=sampler))
    arms = [f'[[ablation.arms]]\nname = "arm {i}"\nset = {{ "outer.lr" = {0.001 * (i + 2)} }}\n' for i in range(ARMS)]
    return parse_spec(text + ABLATION.format(seeds=runs // ARMS) + "".join(arms))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=["ablation", "search"], default="ablation")
    parser.add_argument("--sampler", default="tpe", help="of a search")
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=64)
    options = parser.parse_args()
    config = study(options.kind, options.runs, options.workers, options.sampler)
    what = f"{options.kind}{f' ({options.sampler})' if options.kind == 'search' else ''}"
    print(
        f"{what}, {options.runs} runs of {EPOCHS} epochs of {EPOCH_SECONDS} s, {options.workers} workers,"
        f" {os.cpu_count()} cores\n"
    )
    print("(first the stores and the queue are made)\n", flush=True)
    print("| runs | runs/s | driver CPU ms/run | driver CPU % | memory MiB | Optuna MiB | MLflow MiB | artifacts MiB |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        home, began = Home(Path(folder)), time.monotonic()
        meter = Meter(options.runs, home)
        last = run_study(
            config, home, meter, loader="benchmarks.scaling:load", executor=ThreadExecutor(options.workers)
        )
        start, all_of_it = meter.started - began, time.monotonic() - began
        print(
            f"\n{sum(last.counts.values())} runs in {all_of_it:.0f} s, of which {start:.0f} s made the stores and the"
            " queue"
        )


if __name__ == "__main__":
    main()
