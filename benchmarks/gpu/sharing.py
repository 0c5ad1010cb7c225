"""Tasks a second of several processes on one card: what `[execution] workers_per_gpu` should be, with and without MPS.

NVIDIA's Multi-Process Service (`nvidia-cuda-mps-control -d`) lets kernels of several processes run at once; without it
the processes take turns.

`python -m benchmarks.gpu.sharing DEVICE SIZE ITERATIONS` is one of them: it says when it is ready, begins when told.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from trainers.arithmetic import arithmetic

from ..setting import Setting
from .rows import WARM_UP, Place, Row
from .settings import SMALL, TINY, start

MPS = "nvidia-cuda-mps-control"
NAMED = {"tiny": TINY, "small": SMALL, "5-way": Setting()}


def rows(place: Place) -> Iterator[Row]:
    """Yield the rates of several processes, which take turns and then share the card by MPS, if it is installed."""
    counts = {"small": (1, 2, 4, 8), "5-way": (1, 4)} if not place.quick else {"tiny": (1, 2)}
    alone: dict[str, float] = {}
    for name, several in counts.items():
        for count in several:
            rate = sum(_rates(place, name, count))
            alone.setdefault(name, rate)
            yield Row(f"{count} processes, {name}", f"{rate:.0f} tasks/s", f"{rate / alone[name]:.2f} of one's")
    if place.cuda and not shutil.which(MPS):
        yield Row("several processes with MPS", "left out", f"{MPS} is not installed here")
    elif place.cuda:
        with _mps():
            for name, several in {"small": (1, 4, 8, 14), "5-way": (4,)}.items():
                for count in several:
                    rate = sum(_rates(place, name, count))
                    what = f"{count} processes with MPS, {name}"
                    yield Row(what, f"{rate:.0f} tasks/s", f"{rate / alone[name]:.2f} of one's")


@contextmanager
def _mps() -> Iterator[None]:
    """Serve the processes that are started meanwhile by MPS."""
    with tempfile.TemporaryDirectory(prefix="mps-") as folder:
        os.environ.update(CUDA_MPS_PIPE_DIRECTORY=folder, CUDA_MPS_LOG_DIRECTORY=folder)
        try:
            subprocess.run([MPS, "-d"], check=True)
            try:
                yield
            finally:
                subprocess.run([MPS], input="quit\n", text=True, check=False)
        finally:
            del os.environ["CUDA_MPS_PIPE_DIRECTORY"], os.environ["CUDA_MPS_LOG_DIRECTORY"]


def _rates(place: Place, name: str, count: int) -> list[float]:
    iterations = 200 if place.cuda else 3
    command = [sys.executable, "-m", "benchmarks.gpu.sharing", place.device, name, str(iterations)]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(count)
    ]
    try:
        for one in processes:
            _hear(one, "ready")
        for one in processes:
            assert one.stdin
            one.stdin.write("go\n")
            one.stdin.flush()
        return [float(_hear(one, "rate")) for one in processes]
    finally:
        for one in processes:
            one.kill()
            one.communicate()


def _hear(process: subprocess.Popen[str], word: str) -> str:
    """Return what the process says after `word`. Raises RuntimeError when it ends without."""
    assert process.stdout
    for line in process.stdout:
        said, _, rest = line.strip().partition(" ")
        if said == word:
            return rest
    raise RuntimeError(f"a process ended with {process.wait()} before it said {word!r}")


def main(device: str, name: str, iterations: str) -> None:
    """Train so many iterations when told to; say the tasks a second."""
    torch.set_num_threads(1)
    setting = NAMED[name]
    run = start(Place(device, False, Path(), Path(), 0), setting)
    with arithmetic(run.config):
        for iteration in range(WARM_UP):
            run.iterate(0, run.tasks_of(0, iteration))
        print("ready", flush=True)
        sys.stdin.readline()
        before = time.perf_counter()
        for iteration in range(int(iterations)):
            loss, _ = run.iterate(0, run.tasks_of(0, iteration))
        loss.item()
    print("rate", int(iterations) * setting.tasks / (time.perf_counter() - before), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
