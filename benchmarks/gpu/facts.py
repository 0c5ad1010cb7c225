"""What the card can do at best, and what a launch costs."""

from __future__ import annotations

import time
from collections.abc import Iterator

import torch

from ..header import header
from .rows import Place, Row

LAUNCHES = 2000


def rows(place: Place) -> Iterator[Row]:
    """Yield machine, copy and product rates, the cost of a launch, eager and in a graph."""
    for name, value in header().items():
        yield Row(name, value)
    yield Row("torch", torch.__version__)
    yield Row("cuDNN", str(torch.backends.cudnn.version()))  # type: ignore[no-untyped-call]
    if place.cuda:
        card = torch.cuda.get_device_properties(0)
        yield Row(
            "card", card.name, f"{card.multi_processor_count} multiprocessors, {card.total_memory / 2**30:.0f} GiB"
        )
    yield _copy(place)
    yield from _products(place)
    yield from _launches(place)


def _copy(place: Place) -> Row:
    numbers = torch.zeros(2**20 if place.quick else 2**28, device=place.device)
    to = torch.empty_like(numbers)
    took = place.milliseconds(lambda: to.copy_(numbers))
    return Row("copy inside the memory", f"{2 * numbers.numel() * 4 / took / 1e6:.0f} GB/s")


def _products(place: Place) -> Iterator[Row]:
    side = 256 if place.quick else 8192
    before = torch.backends.cuda.matmul.allow_tf32
    for name, dtype, tf32 in (
        ("float32", torch.float32, False), ("tf32", torch.float32, True),
        ("bfloat16", torch.bfloat16, False), ("float64", torch.float64, False),
    ):  # fmt: skip
        matrix = torch.randn(side, side, device=place.device).to(dtype)
        torch.backends.cuda.matmul.allow_tf32 = tf32
        took = place.milliseconds(lambda m=matrix: m @ m, 3)  # type: ignore[misc]
        yield Row(f"matrix product, {name}", f"{2 * side**3 / took / 1e9:.2f} TFLOP/s")
    torch.backends.cuda.matmul.allow_tf32 = before


def _launches(place: Place) -> Iterator[Row]:
    small = torch.zeros(512, device=place.device)

    def launch() -> None:
        for _ in range(LAUNCHES):
            small.add_(1)

    launch()
    place.wait()
    before = time.perf_counter()
    launch()
    yield Row("host's time for one launch", f"{1e6 * (time.perf_counter() - before) / LAUNCHES:.2f} us")
    place.wait()
    if place.cuda:
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            launch()
        yield Row("one launch in a graph", f"{1000 * place.milliseconds(graph.replay) / LAUNCHES:.2f} us")
