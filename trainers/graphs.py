"""A training's meta-iteration as CUDA graphs: on replay, Python only draws the tasks.

A graph is what the GPU did in one call, done again at the same places of its memory. So all that changes between
iterations lies in tensors that are written in place: the tasks, the weights, the statistics, and, from epoch to epoch,
MSL's weights and the outer rate. A phase of the training (first or second order, whose queries count) has a graph of
its own; their intermediate values share one pool of memory.
"""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor

from .data.episodes import TaskBatch

WARM = 3
"""Iterations that run normally before one is captured as a CUDA graph: libraries choose kernels and allocate memory in
the first ones.
"""
Found = tuple[Tensor, Tensor]
Step = Callable[[TaskBatch], Found]


class Graph(Protocol):
    """A computation that is recorded once and then replayed."""

    def record(self, work: Callable[[], Found]) -> Found:
        """Record `work`, whose results lie where each replay writes them."""

    def replay(self) -> None:
        """Run the recorded computation."""


class CudaGraph:
    """A CUDA graph; all that are made with one `pool` share the memory of their intermediate values."""

    def __init__(self, pool: Any) -> None:
        self._graph, self._pool = torch.cuda.CUDAGraph(), pool

    def record(self, work: Callable[[], Found]) -> Found:
        """Record `work` without doing it."""
        with no_garbage_collection(), torch.cuda.graph(self._graph, pool=self._pool):
            return work()

    def replay(self) -> None:
        """Run the recorded computation."""
        self._graph.replay()


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Collect garbage now, and none inside the block: an earlier training's graph that is freed spoils a recording."""
    gc.collect()
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def cuda_graphs() -> Callable[[], Graph]:
    """Return what makes the graphs of one training."""
    pool = torch.cuda.graph_pool_handle()
    return lambda: CudaGraph(pool)


class GraphedStep:
    """`step`, recorded once a phase and replayed from then on.

    Where recording fails, the training goes on with `step` as it is, and a RuntimeWarning says why.

    Args:
        step: takes one meta-step on the tasks it is given; loss and accuracy before it.
        makers: returns what makes graphs; asked once.

    Attributes:
        graphs: those that were recorded, by phase, with the memory of their results.
    """

    def __init__(self, step: Step, makers: Callable[[], Callable[[], Graph]] = cuda_graphs) -> None:
        self.graphs: dict[Hashable, tuple[Graph, Found]] = {}
        self._step, self._makers = step, makers
        self._make: Callable[[], Graph] | None = None
        self._tasks: TaskBatch | None = None
        self._taken: dict[Hashable, int] = {}
        self._failed = False

    def __call__(self, phase: Hashable, tasks: TaskBatch) -> Found:
        """Take a meta-step of `phase`; loss and accuracy before it, to be read before the next call overwrites them."""
        taken = self._taken[phase] = self._taken.get(phase, 0) + 1
        if self._failed or taken <= WARM:
            return self._step(tasks)
        kept = self._keep(tasks)
        if phase not in self.graphs and not self._record(phase, kept):
            return self._step(tasks)
        graph, found = self.graphs[phase]
        graph.replay()
        return found

    def _keep(self, tasks: TaskBatch) -> TaskBatch:
        """Return `tasks` at the place where the graphs read them."""
        if self._tasks is None:
            self._tasks = TaskBatch(*map(_placed_alike, tasks.parts))
        for place, part in zip(self._tasks.parts, tasks.parts, strict=True):
            place.copy_(part)
        return self._tasks

    def _record(self, phase: Hashable, tasks: TaskBatch) -> bool:
        try:
            self._make = self._make or self._makers()
            graph = self._make()
            self.graphs[phase] = graph, graph.record(lambda: self._step(tasks))
        except RuntimeError as error:
            self._failed = True
            self.graphs.clear()
            warnings.warn(
                f"an iteration cannot be recorded as a CUDA graph ({error}); the training goes on without: the same"
                ' numbers, more time. graphs = "off" in [trainer] does not try',
                RuntimeWarning,
                stacklevel=4,
            )
        return phase in self.graphs


def _placed_alike(part: Tensor) -> Tensor:
    """Return a tensor with the strides of `part`: kernels, and so the last bits, are chosen by them."""
    return torch.empty_strided(part.size(), part.stride(), dtype=part.dtype, device=part.device)
