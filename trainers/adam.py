"""The outer optimiser: torch's Adam, called as a function.

The class `torch.optim.Adam` loads torch's compiler when it is made: 1.8 CPU seconds and 900 modules for each worker.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.optim.adam import adam

from .sections import Outer

EPS = 1e-8


class Adam:
    """Adam (Kingma and Ba 2015) with the settings of `outer`, on named weights; those without a gradient stay as they
    are.

    Attributes:
        lr: the outer rate of the next step.
    """

    def __init__(self, weights: dict[str, Tensor], outer: Outer) -> None:
        self.lr = outer.lr
        self._weights, self._outer = weights, outer
        self._means = {name: torch.zeros_like(weight) for name, weight in weights.items()}
        self._squares = {name: torch.zeros_like(weight) for name, weight in weights.items()}
        self._steps = {name: torch.zeros((), device=weight.device) for name, weight in weights.items()}

    @torch.no_grad()
    def step(self) -> None:
        """Move the weights along their gradients."""
        moved = {name: weight for name, weight in self._weights.items() if weight.grad is not None}
        adam(
            list(moved.values()),
            [weight.grad for weight in moved.values() if weight.grad is not None],
            [self._means[name] for name in moved],
            [self._squares[name] for name in moved],
            [],
            [self._steps[name] for name in moved],
            fused=True,
            amsgrad=False,
            beta1=self._outer.beta1,
            beta2=self._outer.beta2,
            lr=self.lr,
            weight_decay=self._outer.weight_decay,
            eps=EPS,
            maximize=False,
        )

    def state(self) -> dict[str, Any]:
        """Return a copy of all that `restore` needs."""
        parts = {"means": self._means, "squares": self._squares, "steps": self._steps}
        return {part: {name: value.clone() for name, value in values.items()} for part, values in parts.items()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to a saved state."""
        for part, values in (("means", self._means), ("squares", self._squares), ("steps", self._steps)):
            for name, value in values.items():
                value.copy_(state[part][name])
