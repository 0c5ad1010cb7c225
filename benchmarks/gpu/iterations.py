"""A meta-iteration, drawing of tasks included: eager and as a graph, by precision and kernel; its kernels, counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import torch

from trainers.arithmetic import arithmetic
from trainers.models.kernels import Kernels, instead

from ..counts import operator_calls
from ..setting import AFTER_MSL, IN_MSL, Setting
from .rows import Place, Row
from .settings import first, sizes, start

PRODUCTS = Kernels(torch.contiguous_format, products=True)
PIXELS_LAST = Kernels(torch.channels_last)
WAYS: dict[str, tuple[str, Kernels | None]] = {
    "float32": ("float32", None),
    "float32 products": ("float32", PRODUCTS),
    "float32 pixels last": ("float32", PIXELS_LAST),
    "tf32": ("tf32", None),
    "tf32 products": ("tf32", PRODUCTS),
    "bfloat16": ("bfloat16", None),
    "bfloat16 pixels last": ("bfloat16", PIXELS_LAST),
}
"""Name -> precision, and the kernels in place of those that the trainer takes by itself."""


def rows(place: Place) -> Iterator[Row]:
    """Yield the counts, then milliseconds for each size and phase."""
    yield from _counts(place)
    for name, setting in sizes(place).items():
        for phase, epoch in (("MSL", IN_MSL), ("after MSL", AFTER_MSL)):
            yield _times(place, name, setting, phase, epoch)


def _times(place: Place, name: str, setting: Setting, phase: str, epoch: int) -> Row:
    found: dict[str, float] = {}
    for way, (precision, kernels) in WAYS.items() if place.cuda else [("float32", WAYS["float32"])]:
        for graphs in ("off", "on") if place.cuda else ("off",):
            label = way + (" graph" if graphs == "on" else "")
            with instead(kernels) if kernels else nullcontext():
                found[label] = _milliseconds(place, setting, epoch, precision=precision, graphs=graphs)
    best = min(found, key=lambda label: found[label])
    text = ", ".join(f"{label} {took:.2f}" for label, took in found.items())
    return Row(
        f"iteration, {name}, {phase}, ms", text, f"best: {best}, {1000 * setting.tasks / found[best]:.0f} tasks/s"
    )


def _milliseconds(place: Place, setting: Setting, epoch: int, **settings: Any) -> float:
    run = start(place, setting, **settings)
    with arithmetic(run.config):
        return place.milliseconds(_iteration(run, epoch), 5, 10 if place.cuda else 1)


def _iteration(run: Any, epoch: int) -> Callable[[], object]:
    numbers = iter(range(10**9))
    return lambda: run.iterate(epoch, run._tasks(epoch, next(numbers) % run.config.budget.iterations))


def _counts(place: Place) -> Iterator[Row]:
    run = start(place, first(place), graphs="off")
    run.at_once = run.config.episodes.tasks
    work = _iteration(run, IN_MSL)
    with arithmetic(run.config):
        yield Row("operator calls of an iteration", f"{operator_calls(work):,}")
        drawing = place.milliseconds(lambda: run._tasks(IN_MSL, 0))
        yield Row("drawing its tasks", f"{drawing:.2f} ms")
        if place.cuda:
            yield _kernels(place, work)


def _kernels(place: Place, work: Callable[[], object]) -> Row:
    from torch.profiler import ProfilerActivity, profile

    place.wait()
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiler:
        work()
        place.wait()
    kernels = [event for event in profiler.events() or () if event.device_type.name == "CUDA"]
    (place.out / "kernels.txt").write_text(profiler.key_averages().table(sort_by="self_cuda_time_total", row_limit=60))
    busy = sum(event.device_time for event in kernels) / 1000
    return Row("kernels of an iteration", f"{len(kernels):,}", f"{busy:.2f} ms busy; kernels.txt")
