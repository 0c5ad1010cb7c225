"""The meta-step: the loss of a batch of tasks and its gradient with respect to all meta-learned weights.

Shapes: T tasks, S inner steps, W ways, Q queries a class.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from ..data.episodes import Episode
from ..models.conv4 import Weights
from ..models.norm import RunningStatistics
from .inner_loop import Learner


def task_loss(
    learner: Learner,
    meta: Weights,
    episode: Episode,
    step_weights: Sequence[float],
    *,
    second_order: bool,
    collect: RunningStatistics | None = None,
) -> tuple[Tensor, Tensor]:
    """Return a task's meta-loss, sum over steps of v[step] * L_query(theta after step), and the last logits [W*Q, W].

    Queries of a step without weight are not computed. Raises nothing for a loss that is not finite.
    """
    adapted = learner.adapt(meta, episode, len(step_weights), second_order=second_order, collect=collect)
    losses = []
    for step, weights in enumerate(adapted):
        if step_weights[step] > 0:
            logits = learner.network(weights, episode.query, step, collect=collect)
            losses.append(step_weights[step] * functional.cross_entropy(logits, episode.query_labels))
    return torch.stack(losses).sum(), logits


def meta_gradient(
    learner: Learner,
    meta: Weights,
    episodes: Iterable[Episode],
    tasks: int,
    step_weights: Sequence[float],
    *,
    second_order: bool,
    collect: RunningStatistics | None = None,
) -> tuple[Tensor, Tensor]:
    """Set the gradient of the mean loss over `tasks` episodes on `meta`; return that loss and the accuracies [T].

    One graph lives at a time: memory does not grow with the number of tasks.
    """
    for weight in meta.values():
        weight.grad = None
    losses, accuracies = [], []
    for episode in episodes:
        loss, logits = task_loss(learner, meta, episode, step_weights, second_order=second_order, collect=collect)
        (loss / tasks).backward()  # type: ignore[no-untyped-call]
        losses.append(loss.detach())
        accuracies.append((logits.detach().argmax(1) == episode.query_labels).double().mean())
    return torch.stack(losses).mean(), torch.stack(accuracies)
