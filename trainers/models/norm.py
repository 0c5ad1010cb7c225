"""Batch norm with statistics and affine weights by inner step (HTYM section 4: BNRS, BNWB).

Shapes: T tasks side by side, N images of each, F filters, H W; S inner steps (1 where a component is off).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

EPS = 1e-5


@dataclass
class RunningStatistics:
    """Running mean and variance of every block, by inner step.

    Attributes:
        values: "conv0.mean", "conv0.var", ...: [S, F] with BNRS, [1, F] without.
        momentum: share of a meta-batch's moments in an update.
    """

    values: dict[str, Tensor]
    momentum: float
    _seen: dict[tuple[str, int], list[Tensor]] = field(default_factory=dict)

    def row(self, step: int) -> int:
        """Return the row of inner `step`; steps beyond the trained ones reuse the last."""
        return min(step, len(next(iter(self.values.values()))) - 1)

    def collect(self, block: str, step: int, mean: Tensor, var: Tensor) -> None:
        """Note the moments [T*F] of one training pass of T tasks."""
        filters = self.values[f"{block}.mean"].shape[1]
        self._seen.setdefault((block, self.row(step)), []).append(torch.stack([mean, var]).view(2, -1, filters))

    def update(self) -> None:
        """Move towards the mean of the moments noted since the last update: once a meta-batch, whatever the tasks' order."""
        for (block, row), moments in self._seen.items():
            for name, value in zip(("mean", "var"), torch.cat(moments, 1).mean(1), strict=True):
                self.values[f"{block}.{name}"][row].lerp_(value, self.momentum)
        self._seen.clear()


def batch_norm(
    x: Tensor, gamma: Tensor, beta: Tensor, block: str, step: int, collect: RunningStatistics | None
) -> Tensor:
    """Normalise x [N, T*F, H, W] by its own statistics, task by task; gamma and beta are [F]. `collect` notes the moments."""
    gamma, beta = _for_tasks(x, gamma), _for_tasks(x, beta)
    if collect is None:
        return functional.batch_norm(x, None, None, gamma, beta, training=True, eps=EPS)
    mean, var = torch.zeros_like(gamma), torch.zeros_like(gamma)
    normed = functional.batch_norm(x, mean, var, gamma, beta, training=True, momentum=1.0, eps=EPS)
    collect.collect(block, step, mean, var)
    return normed


def running_norm(x: Tensor, gamma: Tensor, beta: Tensor, block: str, step: int, running: RunningStatistics) -> Tensor:
    """Normalise x [N, T*F, H, W] by the running statistics of `step`: an image's answer does not depend on the others."""
    row = running.row(step)
    mean, var = running.values[f"{block}.mean"][row], running.values[f"{block}.var"][row]
    mean, var, gamma, beta = (_for_tasks(x, value) for value in (mean, var, gamma, beta))
    return functional.batch_norm(x, mean, var, gamma, beta, training=False, eps=EPS)


def _for_tasks(x: Tensor, value: Tensor) -> Tensor:
    """Repeat `value` [F] for the T tasks that lie side by side in x [N, T*F, H, W]."""
    return value.repeat(x.shape[1] // len(value))
