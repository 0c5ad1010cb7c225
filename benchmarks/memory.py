"""Peak memory of one run, compared with the paper's code and at Mini-ImageNet's sizes, and memory growth over many
iterations.

Each is measured in a separate process, `python -m benchmarks.memory WHAT`, on one thread.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from .measure import Row
from .setting import IN_MSL, Setting

GROWTH_ITERATIONS, WARM_UP = 2000, 200
TINY = Setting(tasks=1, filters=8, steps=2)
MINI_IMAGENET = Setting(shots=5, queries=15, tasks=2, filters=48, channels=3, size=84)
ITERATIONS = 3


def rows(folder: Path | None) -> Iterator[Row]:
    """Yield peak memory (compared with the paper's code if there is a checkout) and growth."""
    if folder is not None:
        ours, theirs = _measured("ours")[0], _measured("theirs")[0]
        what = f"peak memory of a process that trains {ITERATIONS} iterations, 5-way"
        yield Row(what, ours / theirs, "x", 1.0, 0.6, f"{ours / 2**20:.0f} against {theirs / 2**20:.0f} MiB")
    early, late = _measured("growth")
    what = f"growth of memory over {GROWTH_ITERATIONS:,} iterations (8 filters), after {WARM_UP}"
    detail = f"{early / 2**20:.1f}, then {late / 2**20:.1f} MiB"
    yield Row(what, 100 * (late / early - 1), "%", 1.0, 0.0, detail)
    (peak,) = _measured("mini_imagenet")
    what = "peak memory at Mini-ImageNet's sizes: 84x84, 5-way 5-shot, 15 queries, 48 filters, one task at a time"
    yield Row(what, peak / 2**30, "GiB", 5.0, None, f"{peak / 2**20:.0f} MiB")


def _measured(what: str) -> list[float]:
    """Return the bytes that a separate process measures."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "benchmarks.memory", what]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    measured: list[float] = json.loads(done.stdout)
    return measured


def memory(line: str) -> float:
    """Return this process's VmHWM (peak) or VmRSS (current) as reported by Linux, in bytes."""
    status = dict(row.split(":", 1) for row in Path("/proc/self/status").read_text().splitlines())
    return 1024.0 * int(status[line].split()[0])


def ours() -> list[float]:
    """Train and return the peak memory."""
    _train(Setting(), ITERATIONS)
    return [memory("VmHWM")]


def theirs() -> list[float]:
    """Train the paper's code on the same tasks and return the peak memory."""
    from .reference import Reference, checkout

    folder, setting = checkout(), Setting()
    assert folder is not None
    run, peer = setting.start(), Reference(folder, setting)
    for iteration in range(ITERATIONS):
        tasks = run.streams["train"].batch((iteration, task) for task in range(setting.tasks))
        peer.iterate(peer.batch(tasks), IN_MSL)
    return [memory("VmHWM")]


def growth() -> list[float]:
    """Return the memory after the warm-up, and after the iterations that follow."""
    early: list[float] = []
    _train(TINY, WARM_UP + GROWTH_ITERATIONS, lambda done: early.append(memory("VmRSS")) if done == WARM_UP else None)
    return [*early, memory("VmRSS")]


def mini_imagenet() -> list[float]:
    """Train one task at a time on large images and return the peak memory."""
    _train(MINI_IMAGENET, 1, at_once=1)
    return [memory("VmHWM")]


def _train(
    setting: Setting, iterations: int, after: Callable[[int], None] = lambda done: None, at_once: int = 0
) -> None:
    run = setting.start()
    run.at_once = at_once or run.at_once
    for iteration in range(iterations):
        run.iterate(IN_MSL, run.streams["train"].batch((iteration, task) for task in range(setting.tasks)))
        after(iteration + 1)


if __name__ == "__main__":
    print(json.dumps({"ours": ours, "theirs": theirs, "growth": growth, "mini_imagenet": mini_imagenet}[sys.argv[1]]()))
