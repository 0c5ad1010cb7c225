"""Which kernel for which block: forward and both gradients, in every precision, both layouts, and as products."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from trainers.models.convolution import Convolution, Products

from .rows import WARM_UP, Place, Row

SHAPES = ((8, 5), (16, 20))
"""Tasks, and images of each."""
BLOCKS = ((28, 1), (14, 64), (7, 64), (3, 64))
"""Side of the images, and channels in."""
FILTERS = 64
CALLS = 10
"""In one graph."""
FASTER = 0.8
"""Products take over where they need at most this share of the convolutions' time."""


@dataclass(frozen=True)
class Way:
    """One way to compute a convolution."""

    make: type[Convolution] = Convolution
    dtype: torch.dtype = torch.float32
    tf32: bool = False
    layout: torch.memory_format = torch.contiguous_format


WAYS = {
    "float32": Way(),
    "float32 pixels last": Way(layout=torch.channels_last),
    "float32 products": Way(Products),
    "tf32": Way(tf32=True),
    "tf32 pixels last": Way(tf32=True, layout=torch.channels_last),
    "tf32 products": Way(Products, tf32=True),
    "bfloat16": Way(dtype=torch.bfloat16),
    "bfloat16 pixels last": Way(dtype=torch.bfloat16, layout=torch.channels_last),
    "bfloat16 products": Way(Products, dtype=torch.bfloat16),
}


def rows(place: Place) -> Iterator[Row]:
    """Yield microseconds of each block and direction, then what follows for `trainers.models.kernels`."""
    total = dict.fromkeys(WAYS, 0.0)
    for tasks, images in ((2, 2),) if place.quick else SHAPES:
        for side, channels in BLOCKS[2:] if place.quick else BLOCKS:
            for kind in ("forward", "gradients"):
                found = {name: _time(place, way, kind, tasks, images, side, channels) for name, way in WAYS.items()}
                total = {name: total[name] + took for name, took in found.items()}
                yield _row(f"{tasks} tasks, {images} images, {side}x{side}, {channels} channels, {kind}", found)
    yield from _decisions(total)


def _row(what: str, found: dict[str, float]) -> Row:
    best = min((name for name in found if math.isfinite(found[name])), key=lambda name: found[name], default="none")
    return Row(f"convolution, {what}, us", ", ".join(f"{n} {1000 * t:.0f}" for n, t in found.items()), f"best: {best}")


def _decisions(total: dict[str, float]) -> Iterator[Row]:
    for precision in ("float32", "tf32", "bfloat16"):
        own = {name: took for name, took in total.items() if name.startswith(precision) and math.isfinite(took)}
        best = min(own, key=lambda name: own[name], default="")
        if not best:
            yield Row(f"decision, {precision}", "none", "no way came through")
            continue
        kept = own.get(precision, math.inf)
        chosen = best if own[best] <= FASTER * kept else precision
        yield Row(
            f"decision, {precision}", chosen, f"{own[best] / kept:.2f} of the convolutions as they are, by {best}"
        )


def _time(place: Place, way: Way, kind: str, tasks: int, images: int, side: int, channels: int) -> float:
    """Return milliseconds, infinite where the device does not take it."""
    conv = way.make(tasks)
    x, g, kernel = (
        torch.randn(*shape, device=place.device, dtype=way.dtype)
        for shape in (
            (tasks, images, channels, side, side),
            (tasks, images, FILTERS, side, side),
            (tasks * FILTERS, channels, 3, 3),
        )
    )
    x, g = (conv.side_by_side(one).contiguous(memory_format=way.layout) for one in (x, g))
    work = _work(conv, kind, x, g, kernel.contiguous(memory_format=way.layout), channels > 1)
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = way.tf32
    try:
        with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=way.tf32):
            return _graphed(place, work) if place.cuda else place.milliseconds(work, 3)
    except RuntimeError:
        return math.inf
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


def _graphed(place: Place, work: Callable[[], object]) -> float:
    """Return milliseconds of a call in a CUDA graph, which no launch by Python delays."""
    for _ in range(WARM_UP):
        work()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(CALLS):
            work()
    return place.milliseconds(graph.replay) / CALLS


def _work(conv: Convolution, kind: str, x: Tensor, g: Tensor, kernel: Tensor, of_input: bool) -> Callable[[], object]:
    return (lambda: conv(x, kernel)) if kind == "forward" else (lambda: conv.gradient(g, x, kernel, of_input))
