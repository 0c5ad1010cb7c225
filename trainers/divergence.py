"""Locates where a training diverged."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from .data.episodes import TaskBatch
from .errors import NotFinite
from .mamlpp.inner_loop import Learner
from .models.conv4 import Weights


class Diverged(NotFinite):
    """A loss was not finite.

    Attributes:
        epoch, iteration: counted from 1.
        step: the inner step, from 1; 0 if the meta-learned weights were not finite before the first step.
        layer: the first layer that was not finite.
    """

    def __init__(self, epoch: int, iteration: int, step: int, layer: str) -> None:
        super().__init__(epoch, iteration, step, layer)
        self.epoch, self.iteration, self.step, self.layer = epoch, iteration, step, layer

    def __str__(self) -> str:
        return (
            f"the loss is not finite: epoch {self.epoch}, iteration {self.iteration}, "
            f"inner step {self.step}, first in layer {self.layer}"
        )


@torch.no_grad()
def locate(learner: Learner, weights: Weights, tasks: TaskBatch) -> tuple[int, str]:
    """Return the inner step and the first layer (or weight) that is not finite, checking the tasks in order."""
    if name := _first_not_finite(weights):
        return 0, name
    for task in tasks.split(1):
        count = max(learner.config.inner.steps, learner.config.evaluation_steps)
        for step, taken in enumerate(learner.adapt(weights, task, count)):
            query = learner.network.run(taken.after, task.query, step)
            moved = {name: taken.after[name] for name in learner.adapted}
            for tensors in (taken.support.outputs, query.outputs, moved):
                if name := _first_not_finite(tensors):
                    return step + 1, name
    return learner.config.inner.steps, "loss"


def _first_not_finite(tensors: Mapping[str, Tensor]) -> str | None:
    return next((name for name, tensor in tensors.items() if not bool(torch.isfinite(tensor).all())), None)
