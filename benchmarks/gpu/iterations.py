"""A meta-iteration, drawing of tasks included: eager and as a graph, by precision and kernel; its kernels, counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch

from trainers.arithmetic import arithmetic
from trainers.models.kernels import Kernels, instead

from ..counts import operator_calls
from ..setting import AFTER_MSL, IN_MSL, Setting
from .rows import Place, Row
from .settings import first, sizes, start

PRODUCTS = Kernels(torch.contiguous_format, products=True)
PIXELS_FIRST = Kernels(torch.contiguous_format)
PIXELS_LAST = Kernels(torch.channels_last)
WAYS: dict[str, tuple[str, Kernels]] = {
    "float32": ("float32", PIXELS_FIRST),
    "float32 products": ("float32", PRODUCTS),
    "tf32": ("tf32", PIXELS_FIRST),
    "tf32 pixels last": ("tf32", PIXELS_LAST),
    "tf32 products": ("tf32", PRODUCTS),
    "bfloat16 pixels last": ("bfloat16", PIXELS_LAST),
    "bfloat16 products": ("bfloat16", PRODUCTS),
}
"""Name -> precision and kernels, instead of those that the trainer takes by itself."""
EAGER = "float32 products"
"""The way whose time without graphs is taken too."""


def rows(place: Place) -> Iterator[Row]:
    """Yield the counts, then milliseconds for each size and phase."""
    yield from _counts(place)
    for name, setting in sizes(place).items():
        for phase, epoch in (("MSL", IN_MSL), ("after MSL", AFTER_MSL)):
            yield _times(place, name, setting, phase, epoch)


def _times(place: Place, name: str, setting: Setting, phase: str, epoch: int) -> Row:
    found: dict[str, float] = {}
    ways = WAYS if place.cuda else {EAGER: WAYS[EAGER]}
    for way, (precision, kernels) in ways.items():
        with instead(kernels):
            found[way] = _milliseconds(place, setting, epoch, precision=precision)
            if way == EAGER and setting == first(place):
                found[f"{way} eager"] = _milliseconds(place, setting, epoch, precision=precision, graphs="off")
    best = min(found, key=lambda label: found[label])
    text = ", ".join(f"{label} {took:.2f}" for label, took in found.items())
    return Row(
        f"iteration, {name}, {phase}, ms", text, f"best: {best}, {1000 * setting.tasks / found[best]:.0f} tasks/s"
    )


def _milliseconds(place: Place, setting: Setting, epoch: int, **settings: Any) -> float:
    run = start(place, setting, **settings)
    with arithmetic(run.config):
        return place.milliseconds(_iteration(run, epoch), 5, 5 if place.cuda else 1)


def _iteration(run: Any, epoch: int) -> Callable[[], object]:
    numbers = iter(range(10**9))
    return lambda: run.iterate(epoch, run.tasks_of(epoch, next(numbers) % run.config.budget.iterations))


def _counts(place: Place) -> Iterator[Row]:
    run = start(place, first(place), graphs="off")
    run.at_once = run.config.episodes.tasks
    work = _iteration(run, IN_MSL)
    with arithmetic(run.config):
        yield Row("operator calls of an iteration", f"{operator_calls(work):,}")
        drawing = place.milliseconds(lambda: run.tasks_of(IN_MSL, 0))
        yield Row("drawing its tasks", f"{drawing:.2f} ms")
    for way in ("float32", "float32 products", "tf32 products") if place.cuda else ():
        with instead(WAYS[way][1]):
            yield _kernels(place, way)


def _kernels(place: Place, way: str) -> Row:
    from torch.profiler import ProfilerActivity, profile

    run = start(place, first(place), graphs="off", precision=WAYS[way][0])
    work = _iteration(run, IN_MSL)
    with arithmetic(run.config):
        for _ in range(3):
            work()
        place.wait()
        with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiler:
            work()
            place.wait()
    kernels = [event for event in profiler.events() or () if event.device_type.name == "CUDA"]
    file = place.out / f"kernels {way}.txt".replace(" ", "_")
    file.write_text(profiler.key_averages().table(sort_by="self_cuda_time_total", row_limit=60))
    busy = sum(event.device_time for event in kernels) / 1000
    return Row(f"kernels of an iteration, {way}", f"{len(kernels):,}", f"{busy:.2f} ms busy; {file.name}")
