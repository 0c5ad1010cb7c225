"""Time of a meta-iteration and of an evaluated task, tasks side by side against one by one: ``python -m benchmarks.trainer``.

The two are taken in alternation in one process, on one thread; medians of 7; CPU seconds.
"""

from __future__ import annotations

import platform
import statistics
import subprocess
import time
from collections.abc import Callable

import torch

from trainers.data.classes import ClassData, ClassRange
from trainers.evaluation import evaluate
from trainers.normalise import normalise
from trainers.training import Run

REPEATS = 7
SIZES = [  # filters, ways, tasks, inner steps
    (8, 5, 4, 3),
    (16, 5, 4, 3),
    (64, 5, 8, 5),
    (64, 20, 8, 5),
]


def noise() -> ClassData:
    """100 classes of 20 random images: time does not depend on what is in them."""
    images = torch.randint(0, 256, (2000, 1, 28, 28), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    classes = tuple(ClassRange(str(i), 20 * i, 20) for i in range(100))
    return ClassData("noise", images, {"train": classes, "val": classes, "test": classes})


def start(filters: int, ways: int, tasks: int, steps: int) -> Run:
    tree = {
        "episodes": {"ways": ways, "tasks": tasks},
        "model": {"filters": filters},
        "inner": {"steps": steps},
        "msl": {"epochs": 1.0},
        "lslr": "on",
        "bnwb": "on",
        "device": "cpu",
    }
    return Run(normalise(tree)[0], 0, noise())


def alternate(*works: Callable[[], object]) -> list[float]:
    """Return each work's median CPU seconds."""
    seconds: list[list[float]] = [[] for _ in works]
    for _ in range(REPEATS):
        for work, times in zip(works, seconds, strict=True):
            before = time.process_time()
            work()
            times.append(time.process_time() - before)
    return [statistics.median(times) for times in seconds]


def row(filters: int, ways: int, tasks: int, steps: int) -> str:
    run = start(filters, ways, tasks, steps)
    batch = run._tasks(0, 0)
    together, shown = run.at_once, run._snapshot(0)

    def iterate(at_once: int) -> None:
        run.at_once = at_once
        run.iterate(0, batch)

    def test(at_once: int) -> None:
        evaluate(run.learner, [shown], run.streams["val"], 16, at_once)

    one, many = alternate(lambda: iterate(1), lambda: iterate(together))
    single, several = alternate(lambda: test(1), lambda: test(4 * together))
    size = f"{ways:4} {filters:7} {tasks:5} {steps:5} {together:8}"
    return f"{size} {one:10.3f} {many:8.3f} {many / one:6.2f} {single / 16:11.4f} {several / 16:8.4f} {several / single:6.2f}"


def main() -> None:
    torch.set_num_threads(1)
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    print(
        f"{platform.processor() or platform.machine()}, 1 thread, torch {torch.__version__}, commit {commit or 'unknown'}"
    )
    print("1-shot, second order, MSL, LSLR, BNWB; seconds a meta-iteration, then seconds an evaluated task")
    print("ways filters tasks steps together one by one together  ratio  one by one together  ratio")
    for size in SIZES:
        print(row(*size), flush=True)


if __name__ == "__main__":
    main()
