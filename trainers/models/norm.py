"""Running statistics of batch norm, by inner step with BNRS (HTYM section 4).

Shapes: T tasks side by side, N images of each, F filters, H W; S inner steps (1 where BNRS is off).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

from .block import EPS, BlockPass


@dataclass
class RunningStatistics:
    """Running mean and variance of every block, by inner step.

    Attributes:
        values: "conv0.mean", "conv0.var", ...: [S, F] with BNRS, [1, F] without.
        momentum: share of a meta-batch's moments in an update.
    """

    values: dict[str, Tensor]
    momentum: float
    _seen: dict[tuple[str, int, float], list[tuple[Tensor, Tensor]]] = field(default_factory=dict)

    def row(self, step: int) -> int:
        """Return the row of inner `step`; steps beyond the trained ones reuse the last."""
        return min(step, len(next(iter(self.values.values()))) - 1)

    def note(self, blocks: Mapping[str, BlockPass], step: int) -> None:
        """Note the moments of a training pass through the network at inner `step`."""
        for block, it in blocks.items():
            mean, rsd, unbiased = it.moments
            self._seen.setdefault((block, self.row(step), unbiased), []).append((mean, rsd))

    def forget(self) -> None:
        """Forget the moments noted since the last update."""
        self._seen.clear()

    def update(self) -> None:
        """Move towards the mean of the moments noted since the last update: once a meta-batch, whatever the tasks'
        order.
        """
        found: dict[tuple[str, int], list[Tensor]] = {}
        for (block, row, unbiased), moments in self._seen.items():
            filters = self.values[f"{block}.mean"].shape[1]
            mean, rsd = (torch.cat(parts).view(-1, filters) for parts in zip(*moments, strict=True))
            found.setdefault((block, row), []).append(torch.stack([mean, (rsd.pow(-2) - EPS) * unbiased]))
        for (block, row), parts in found.items():
            for name, value in zip(("mean", "var"), torch.cat(parts, 1).mean(1), strict=True):
                self.values[f"{block}.{name}"][row].lerp_(value, self.momentum)
        self._seen.clear()


def running_norm(x: Tensor, gamma: Tensor, beta: Tensor, block: str, step: int, running: RunningStatistics) -> Tensor:
    """Normalise x [N, T*F, H, W] by the running statistics of `step`: an image's answer does not depend on the others.

    gamma and beta are [T*F].
    """
    row, tasks = running.row(step), x.shape[1] // running.values[f"{block}.mean"].shape[1]
    mean, var = (running.values[f"{block}.{name}"][row].repeat(tasks) for name in ("mean", "var"))
    return functional.batch_norm(x, mean, var, gamma, beta, training=False, eps=EPS)
