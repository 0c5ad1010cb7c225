"""The convolutional network of few-shot learning (Vinyals et al. 2016), as a function of its weights.

Shapes: T tasks, N images of each, F filters, W ways, D features, S inner steps, C H W image.

Weights by name. Adapted in the inner loop are "conv0.weight" [T, F, C, 3, 3], ..., "linear.weight" [T, W, D] and
"linear.bias" [T, W]: every task has its own, and the tasks lie side by side as groups of channels, [N, T*F, H, W], so that
each operation runs once for all of them. Meta-learned only are "conv0.norm.gamma" and "conv0.norm.beta", [F], or [S, F] with
BNWB. Convolutions have no bias: batch norm takes it out again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ..config import TrainerConfig
from ..randomness import Source
from .norm import RunningStatistics, batch_norm, running_norm

Weights = dict[str, Tensor]


@dataclass(frozen=True)
class Conv4:
    """Shape of the network; the weights are arguments."""

    config: TrainerConfig
    channels: int
    size: int

    @property
    def blocks(self) -> list[str]:
        """Names of the blocks."""
        return [f"conv{i}" for i in range(self.config.model.blocks)]

    @property
    def features(self) -> int:
        """Inputs D of the linear layer."""
        side = self.size
        if self.config.model.downsample == "stride":
            return self.config.model.filters
        for _ in self.blocks:
            side //= 2
        return self.config.model.filters * side * side

    def initial_adapted(self, seed: int) -> Weights:
        """Return the weights that the inner loop adapts, float64 on the CPU: Xavier-uniform (Glorot 2010), biases 0."""
        filters, ways = self.config.model.filters, self.config.episodes.ways
        shapes = {f"{b}.weight": (filters, filters if i else self.channels, 3, 3) for i, b in enumerate(self.blocks)}
        weights = {name: _xavier(shape, seed, name) for name, shape in shapes.items()}
        weights["linear.weight"] = _xavier((ways, self.features), seed, "linear.weight")
        weights["linear.bias"] = torch.zeros(ways, dtype=torch.float64)
        return weights

    def initial_norm(self) -> Weights:
        """Return batch norm's gamma (1) and beta (0), [F] or [S, F]."""
        filters = self.config.model.filters
        shape = (self.config.inner.steps, filters) if self.config.bnwb == "on" else (filters,)
        make = {"gamma": torch.ones, "beta": torch.zeros}
        return {f"{b}.norm.{k}": make[k](shape, dtype=torch.float64) for b in self.blocks for k in make}

    def initial_statistics(self) -> RunningStatistics:
        """Return running means (0) and variances (1), [S, F] with BNRS, else [1, F]."""
        rows = self.config.inner.steps if self.config.bnrs == "on" else 1
        make, shape = {"mean": torch.zeros, "var": torch.ones}, (rows, self.config.model.filters)
        values = {f"{b}.{k}": make[k](shape, dtype=torch.float64) for b in self.blocks for k in make}
        return RunningStatistics(values, self.config.norm.momentum)

    def __call__(
        self,
        weights: Mapping[str, Tensor],
        images: Tensor,
        step: int,
        *,
        collect: RunningStatistics | None = None,
        running: RunningStatistics | None = None,
    ) -> Tensor:
        """Return logits [T, N, W] of images [T, N, C, H, W] with the norm weights of inner `step`.

        Batch norm uses the batch's statistics, and notes them in `collect`; or those of `running`.
        """
        for _, x in self.layers(weights, images, step, collect=collect, running=running):
            logits = x
        return logits

    def layers(
        self,
        weights: Mapping[str, Tensor],
        images: Tensor,
        step: int,
        *,
        collect: RunningStatistics | None = None,
        running: RunningStatistics | None = None,
    ) -> Iterator[tuple[str, Tensor]]:
        """Yield each layer's name and output, block after block; the last one is the logits."""
        tasks, count = images.shape[:2]
        x, pools = images.transpose(0, 1).flatten(1, 2), self.config.model.downsample == "max_pool"
        for block in self.blocks:
            gamma, beta = (self._at_step(weights[f"{block}.norm.{k}"], step) for k in ("gamma", "beta"))
            kernel = weights[f"{block}.weight"].flatten(0, 1)
            x = functional.conv2d(x, kernel, stride=1 if pools else 2, padding=1, groups=tasks)
            if running is None:
                x = batch_norm(x, gamma, beta, block, step, collect)
            else:
                x = running_norm(x, gamma, beta, block, step, running)
            # Pooling commutes with the increasing leaky ReLU, which then runs on a quarter of the values.
            x = functional.leaky_relu(functional.max_pool2d(x, 2) if pools else x, 0.01)
            yield block, x
        features = (x if pools else x.mean((2, 3))).reshape(count, tasks, -1).transpose(0, 1)
        yield "linear", torch.baddbmm(weights["linear.bias"][:, None], features, weights["linear.weight"].mT)

    def _at_step(self, weight: Tensor, step: int) -> Tensor:
        return weight[min(step, len(weight) - 1)] if self.config.bnwb == "on" else weight


def _xavier(shape: tuple[int, ...], seed: int, name: str) -> Tensor:
    """Return a tensor uniform in +-sqrt(6 / (fan_in + fan_out)), addressed by (seed, "init", name)."""
    field = math.prod(shape[2:])
    bound = math.sqrt(6 / ((shape[0] + shape[1]) * field))
    uniform = torch.from_numpy(Source(seed, "init", name).uniform(math.prod(shape)))
    return ((2 * uniform - 1) * bound).reshape(shape)
