"""MSL's weights of the query losses as device tensors, so that CUDA graphs need not be recorded again."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class QueryShares:
    """The weight v of each of S steps' query loss, changed in place from epoch to epoch.

    Float64 whatever the losses are: a number times a tensor is rounded as it would be without a tensor.

    Args:
        weights: the first ones, [S].
        device: where they are read.

    Attributes:
        counts: which are above 0, [S]; the others' queries are not computed.
    """

    def __init__(self, weights: Sequence[float], device: torch.device | None = None) -> None:
        self._values = torch.zeros(len(weights), dtype=torch.float64, device=device).unbind()
        self.set(weights)

    def set(self, weights: Sequence[float]) -> None:
        """Change the weights, [S], without synchronising with the GPU."""
        self.counts = tuple(weight > 0 for weight in weights)
        for value, weight in zip(self._values, weights, strict=True):
            value.fill_(weight)

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, step: int) -> Tensor | None:
        """Return the weight of `step`, a scalar; None where it is 0."""
        return self._values[step] if self.counts[step] else None
