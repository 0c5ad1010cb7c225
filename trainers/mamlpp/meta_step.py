"""The meta-step: the loss of a batch of tasks and its gradient with respect to all meta-learned weights.

Shapes: T tasks, S inner steps, W ways, Q queries a class.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..data.episodes import TaskBatch
from ..models.conv4 import Weights
from ..models.norm import RunningStatistics
from .inner_loop import Learner, accuracy, cross_entropy


def task_losses(
    learner: Learner,
    meta: Weights,
    tasks: TaskBatch,
    step_weights: Sequence[float],
    *,
    second_order: bool,
    collect: RunningStatistics | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the meta-losses [T], sum over steps of v[step] * L_query(theta after step), and the last logits [T, W*Q, W].

    Queries of a step without weight are not computed. Raises nothing for a loss that is not finite.
    """
    adapted = learner.adapt(meta, tasks, len(step_weights), second_order=second_order, collect=collect)
    losses = []
    for step, weights in enumerate(adapted):
        if step_weights[step] > 0:
            logits = learner.network(weights, tasks.query, step, collect=collect)
            losses.append(step_weights[step] * cross_entropy(logits, tasks.query_labels))
    return torch.stack(losses).sum(0), logits


def meta_gradient(
    learner: Learner,
    meta: Weights,
    tasks: TaskBatch,
    step_weights: Sequence[float],
    *,
    second_order: bool,
    at_once: int,
    collect: RunningStatistics | None = None,
) -> tuple[Tensor, Tensor]:
    """Set the gradient of the tasks' mean loss on `meta`; return that loss and the accuracies [T].

    `at_once` tasks share a graph, and one graph lives at a time: it bounds the memory, not the result.
    """
    for weight in meta.values():
        weight.grad = None
    losses, accuracies = [], []
    for part in tasks.split(at_once):
        loss, logits = task_losses(learner, meta, part, step_weights, second_order=second_order, collect=collect)
        (loss.sum() / len(tasks)).backward()  # type: ignore[no-untyped-call]
        losses.append(loss.detach())
        accuracies.append(accuracy(logits, part.query_labels))
    return torch.cat(losses).mean(), torch.cat(accuracies)
