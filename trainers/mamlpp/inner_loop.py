"""The inner loop: gradient descent on each task's support set, at the task's own weights.

Shapes: T tasks, W ways, Q queries a class.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ..config import TrainerConfig
from ..data.episodes import TaskBatch
from ..models.conv4 import Conv4, Pass, Weights
from ..models.norm import RunningStatistics
from .step_sizes import initial_rates, rate


@dataclass(frozen=True)
class InnerStep:
    """One step of the inner loop: theta <- theta - rate[layer, step] * gradient.

    Attributes:
        support: the support set's pass at the weights before the step.
        gradient: of each task's support loss: adapted weights [T, ...], norm weights [F].
        after: all weights after the step; adapted ones are [T, ...].
    """

    support: Pass
    gradient: Weights
    after: Weights


@dataclass(frozen=True)
class Learner:
    """A network, its config and the names of the weights that the inner loop adapts."""

    config: TrainerConfig
    network: Conv4

    @cached_property
    def adapted(self) -> list[str]:
        """Names of the adapted weights; all others are meta-learned only."""
        return [f"{block}.weight" for block in self.network.blocks] + ["linear.weight", "linear.bias"]

    def initial(self, seed: int, dtype: torch.dtype, device: torch.device) -> Weights:
        """Return all meta-learned tensors of a new training: adapted weights, norm weights, learned rates."""
        adapted = self.network.initial_adapted(seed)
        weights = adapted | self.network.initial_norm() | initial_rates(self.config, adapted)
        return {name: w.to(device, dtype).contiguous().requires_grad_() for name, w in weights.items()}

    def at_tasks(self, meta: Weights, tasks: int) -> Weights:
        """Return the weights that `tasks` tasks start from: the adapted ones, repeated, are [T, ...]."""
        how = self.network.kernels(meta["linear.bias"].device)
        laid = {name: how.laid_out(meta[name]) if meta[name].dim() == 4 else meta[name] for name in self.adapted}
        adapted = {name: weight.expand(tasks, *weight.shape) for name, weight in laid.items()}
        return meta | adapted | self.network.norm_at_tasks(meta, tasks)

    def adapt(self, meta: Weights, tasks: TaskBatch, steps: int) -> Iterator[InnerStep]:
        """Yield each of `steps` inner steps on `tasks`' support sets. To be iterated without autograd."""
        weights = self.at_tasks(meta, len(tasks))
        for step in range(steps):
            support = self.network.run(weights, tasks.support, step)
            gradient = support.gradient(tasks.support_labels)
            moved = {n: weights[n] - rate(self.config, meta, n, step) * gradient[n] for n in self.adapted}
            weights = weights | moved
            yield InnerStep(support, gradient, weights)

    @torch.no_grad()
    def predict(self, meta: Weights, tasks: TaskBatch, *running: RunningStatistics | None) -> list[Tensor]:
        """Return query logits [T, W*Q, W] after ``evaluation_steps`` inner steps, for each way to normalise the
        queries.

        Args:
            meta: the meta-learned weights.
            tasks: whose support sets are learned and whose queries are answered.
            running: each way: running statistics, or None for the query batch's own.
        """
        steps = self.config.evaluation_steps
        for it in self.adapt(meta, tasks, steps):
            after = it.after
        return [self._answer(after, tasks.query, steps - 1, statistics) for statistics in running]

    def _answer(self, weights: Weights, images: Tensor, step: int, statistics: RunningStatistics | None) -> Tensor:
        if statistics is None:
            return self.network.run(weights, images, step).logits
        return self.network.answer(weights, images, step, statistics)
