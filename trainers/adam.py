"""The outer optimiser: torch's Adam, called as a function.

Creating the class `torch.optim.Adam` loads torch's compiler: 1.8 CPU seconds and 900 modules for each worker.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim.adam import adam

from .sections import Outer

EPS = 1e-8


class Adam:
    """Adam (Kingma and Ba 2015) with the settings of `outer`, on named weights; weights without a gradient are not
    changed.

    Attributes:
        lr: the outer learning rate of the next step, a scalar tensor changed in place.
        float32_lr: whether torch's kernel accepts only float32 learning rates, as on a GPU.
    """

    def __init__(self, weights: dict[str, Tensor], outer: Outer) -> None:
        self._weights, self._outer = weights, outer
        one = next(iter(weights.values()))
        self.float32_lr = one.device.type == "cuda"
        exact = not self.float32_lr or one.dtype == torch.float64
        self.lr = torch.full((), outer.lr, dtype=torch.float64 if exact else torch.float32, device=one.device)
        self._means = {name: torch.zeros_like(weight) for name, weight in weights.items()}
        self._squares = {name: torch.zeros_like(weight) for name, weight in weights.items()}
        self._steps = {name: torch.zeros((), device=weight.device) for name, weight in weights.items()}

    @torch.no_grad()
    def step(self) -> None:
        """Move the weights along their gradients."""
        moved = {name: weight for name, weight in self._weights.items() if weight.grad is not None}
        weights = list(moved.values())
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        if not self.float32_lr or self.lr.dtype == torch.float32:
            self._adam(moved, weights, gradients, self.lr, self._outer.weight_decay)
            return
        change = [
            torch.zeros_like(weight) for weight in weights
        ]  # step at learning rate 1, scaled below in lr's precision
        decayed = torch._foreach_add(gradients, weights, alpha=self._outer.weight_decay)
        self._adam(moved, change, list(decayed), 1.0, 0.0)
        torch._foreach_mul_(change, self.lr)
        torch._foreach_add_(weights, change)

    def _adam(
        self, moved: Iterable[str], weights: list[Tensor], gradients: list[Tensor], lr: Tensor | float, decay: float
    ) -> None:
        """Update `weights` in place, with the moments of the names `moved`."""
        adam(
            weights,
            gradients,
            [self._means[name] for name in moved],
            [self._squares[name] for name in moved],
            [],
            [self._steps[name] for name in moved],
            fused=True,
            amsgrad=False,
            beta1=self._outer.beta1,
            beta2=self._outer.beta2,
            lr=lr,
            weight_decay=decay,
            eps=EPS,
            maximize=False,
        )

    def state(self) -> dict[str, Any]:
        """Return a copy of the state for `restore`."""
        parts = {"means": self._means, "squares": self._squares, "steps": self._steps}
        return {part: {name: value.clone() for name, value in values.items()} for part, values in parts.items()}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore a saved state."""
        for part, values in (("means", self._means), ("squares", self._squares), ("steps", self._steps)):
            for name, value in values.items():
                value.copy_(state[part][name])
