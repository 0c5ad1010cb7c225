"""Where a training stopped being finite."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from .data.episodes import TaskBatch
from .mamlpp.inner_loop import Learner
from .models.conv4 import Weights


class Diverged(ArithmeticError):
    """A loss was not finite.

    Attributes:
        epoch, iteration: where, from 1.
        step: the inner step, from 1; 0 when the meta-learned weights themselves were not finite before it.
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


def locate(learner: Learner, weights: Weights, tasks: TaskBatch) -> tuple[int, str]:
    """Return the inner step and the first layer (or weight) that is not finite, going through the tasks in order."""
    if name := _first_not_finite(weights):
        return 0, name
    for task in tasks.split(1):
        count = max(learner.config.inner.steps, learner.config.evaluation_steps)
        steps = learner.adapt(weights, task, count, second_order=False)
        before: Mapping[str, Tensor] = weights | {name: weights[name][None] for name in learner.adapted}
        for step, after in enumerate(steps, start=1):
            for images, at in ((task.support, before), (task.query, after)):
                with torch.no_grad():
                    outputs = dict(learner.network.layers(at, images, step - 1))
                if name := _first_not_finite(outputs):
                    return step, name
            if name := _first_not_finite({name: after[name] for name in learner.adapted}):
                return step, name
            before = dict(after)
    return learner.config.inner.steps, "loss"


def _first_not_finite(tensors: Mapping[str, Tensor]) -> str | None:
    return next((name for name, tensor in tensors.items() if not bool(torch.isfinite(tensor).all())), None)
