"""The inner loop: gradient descent on each task's support set, as a function of the meta-learned weights.

Shapes: T tasks, W ways, Q queries a class.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ..config import TrainerConfig
from ..data.episodes import TaskBatch
from ..models.conv4 import Conv4, Weights
from ..models.norm import RunningStatistics
from .step_sizes import initial_rates, rate


@dataclass(frozen=True)
class Learner:
    """A network, its config and the names of the weights that the inner loop adapts."""

    config: TrainerConfig
    network: Conv4

    @property
    def adapted(self) -> list[str]:
        """Names of the adapted weights; all others are meta-learned only."""
        return [f"{block}.weight" for block in self.network.blocks] + ["linear.weight", "linear.bias"]

    def initial(self, seed: int, dtype: torch.dtype, device: torch.device) -> Weights:
        """Return all meta-learned tensors of a new training: adapted weights, norm weights, learned rates."""
        adapted = self.network.initial_adapted(seed)
        weights = adapted | self.network.initial_norm() | initial_rates(self.config, adapted)
        return {name: w.to(device, dtype).contiguous().requires_grad_() for name, w in weights.items()}

    def adapt(
        self,
        meta: Weights,
        tasks: TaskBatch,
        steps: int,
        *,
        second_order: bool,
        collect: RunningStatistics | None = None,
    ) -> Iterator[Weights]:
        """Yield all weights after each of `steps` inner steps: theta <- theta - rate[layer, step] * gradient.

        Adapted weights get a leading task dimension: [T, ...].

        With `second_order` the weights' dependence on the meta-weights goes through the gradients too; else the gradients
        count as constants (first-order MAML, Finn et al. 2017 section 5.2).
        """
        weights = dict(meta)
        for name in self.adapted:
            weights[name] = meta[name].expand(len(tasks), *meta[name].shape)
        for step in range(steps):
            logits = self.network(weights, tasks.support, step, collect=collect)
            loss = cross_entropy(logits, tasks.support_labels).sum()  # no task's weights act on another's loss
            moved = [weights[name] for name in self.adapted]
            gradients = torch.autograd.grad(loss, moved, create_graph=second_order)
            for name, weight, gradient in zip(self.adapted, moved, gradients, strict=True):
                weights[name] = weight - rate(self.config, meta, name, step) * gradient
            yield weights

    def predict(self, meta: Weights, tasks: TaskBatch, statistics: RunningStatistics | None) -> Tensor:
        """Return query logits [T, W*Q, W] after ``evaluation_steps`` inner steps, without a graph to the meta-weights.

        Queries are normalised with `statistics` where given, else with their own batch's.
        """
        frozen = {name: weight.detach() for name, weight in meta.items()}
        frozen |= {name: frozen[name].requires_grad_() for name in self.adapted}
        steps = self.config.evaluation_steps
        for adapted in self.adapt(frozen, tasks, steps, second_order=False):
            # a fresh leaf after every step: no gradient reaches further back than one step
            for name in self.adapted:
                adapted[name] = adapted[name].detach().requires_grad_()
        with torch.no_grad():
            return self.network(adapted, tasks.query, steps - 1, running=statistics)


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean cross-entropy [T] of each task's logits [T, N, W] for labels [T, N]."""
    return functional.cross_entropy(logits.transpose(1, 2), labels, reduction="none").mean(1)


def accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the share [T], float64, of each task's logits [T, N, W] that are right for labels [T, N]."""
    return (logits.detach().argmax(2) == labels).double().mean(1)
