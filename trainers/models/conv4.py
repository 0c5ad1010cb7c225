"""The convolutional network of few-shot learning (Vinyals et al. 2016), as a function of its weights.

Shapes: T tasks, N images of each, F filters, W ways, D features, S inner steps, C H W image.

Weights by name. Adapted in the inner loop are "conv0.weight" [T, F, C, 3, 3], ..., "linear.weight" [T, W, D] and
"linear.bias" [T, W]: every task has its own, and the tasks lie side by side as groups of channels, [N, T*F, H, W], so
that each operation runs once for all of them. Meta-learned only are "conv0.norm.gamma" and "conv0.norm.beta", [F], or
[S, F] with BNWB. Convolutions have no bias: batch norm takes it out again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from types import EllipsisType

import torch
from torch import Tensor
from torch.nn import functional

from ..config import TrainerConfig
from ..errors import TooLarge
from ..memory import is_out_of_memory, physical_memory
from ..randomness import Source
from .block import SLOPE, BlockPass, compiled_block
from .convolution import Convolution, Products
from .head import HeadPass
from .kernels import Kernels, kernels_for
from .norm import RunningStatistics, running_norm

Weights = dict[str, Tensor]


@dataclass(frozen=True)
class Conv4:
    """Shape of the network; the weights are arguments."""

    config: TrainerConfig
    channels: int
    size: int

    @cached_property
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
        """Return the weights that the inner loop adapts, float64 on the CPU: Xavier-uniform (Glorot 2010), biases 0.

        Raises TooLarge if they do not fit into memory.
        """
        filters, ways = self.config.model.filters, self.config.episodes.ways
        shapes: dict[str, tuple[int, ...]] = {
            f"{b}.weight": (filters, filters if i else self.channels, 3, 3) for i, b in enumerate(self.blocks)
        }
        shapes["linear.weight"] = (ways, self.features)
        with self._fitting(8 * sum(map(math.prod, shapes.values()))):
            weights = {name: _xavier(shape, seed, name) for name, shape in shapes.items()}
        weights["linear.bias"] = torch.zeros(ways, dtype=torch.float64)
        return weights

    @contextmanager
    def _fitting(self, size: int) -> Iterator[None]:
        """Raise TooLarge where the block runs out of memory for weights of `size` bytes, or before it, where it must:
        Linux promises more memory than there is, and kills who takes it.
        """
        try:
            if size > physical_memory():
                raise MemoryError
            yield
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            raise TooLarge(
                f"model.filters = {self.config.model.filters}: the memory of this machine must hold the weights, but"
                f" with {self.config.model.blocks} blocks they take {size:,} bytes; use fewer filters or blocks"
            ) from error

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

    def run(self, weights: Mapping[str, Tensor], images: Tensor, step: int) -> Pass:
        """Pass images [T, N, C, H, W] through, with batch statistics and the norm weights of inner `step`."""
        return Pass(self, weights, images, step)

    def answer(self, weights: Mapping[str, Tensor], images: Tensor, step: int, running: RunningStatistics) -> Tensor:
        """Return logits [T, N, W] of images [T, N, C, H, W], normalised with the running statistics of `step`."""
        how = self.kernels(images.device)
        conv = self.convolution(len(images), how)
        x = how.laid_out(conv.side_by_side(images))
        for block in self.blocks:
            gamma, beta = self.norm_weights(weights, block, step, len(images))
            z = conv(x, grouped(weights[f"{block}.weight"], how))
            x = running_norm(conv.channels_second(z), gamma, beta, block, step, running).view_as(z)
            x = functional.leaky_relu(functional.max_pool2d(x, 2) if self.pools else x, SLOPE)
        return HeadPass(self.flat(x, conv), weights["linear.weight"], weights["linear.bias"]).logits

    @property
    def pools(self) -> bool:
        """Whether blocks halve the image by max-pooling; else by their convolution's stride."""
        return self.config.model.downsample == "max_pool"

    def kernels(self, device: torch.device) -> Kernels:
        """Return layout and kernel of the convolutions on `device`."""
        return kernels_for(device, self.config.precision)

    def convolution(self, tasks: int, how: Kernels) -> Convolution:
        """Return the convolution of every block, for `tasks` tasks."""
        rounds = torch.bfloat16 if self.config.precision == "bfloat16" else None
        return (Products if how.products else Convolution)(tasks, 1 if self.pools else 2, rounds)

    def norm_weights(self, weights: Mapping[str, Tensor], block: str, step: int, tasks: int) -> tuple[Tensor, Tensor]:
        """Return batch norm's gamma and beta of inner `step`, repeated for each task: [T*F]."""
        row = self.norm_row(step)
        gamma, beta = (weights[f"{block}.norm.{name}"][row] for name in ("gamma", "beta"))
        if len(gamma) == self.config.model.filters and tasks > 1:
            return gamma.repeat(tasks), beta.repeat(tasks)
        return gamma, beta

    def norm_at_tasks(self, weights: Mapping[str, Tensor], tasks: int) -> Weights:
        """Return batch norm's weights, repeated for each task: [T*F] or [S, T*F]."""
        names = [f"{block}.norm.{name}" for block in self.blocks for name in ("gamma", "beta")]
        return {name: weights[name].repeat(*[1] * (weights[name].dim() - 1), tasks) for name in names}

    def norm_row(self, step: int) -> int | EllipsisType:
        """Return where norm weights of inner `step` are: steps beyond the trained ones reuse the last one's."""
        return min(step, self.config.inner.steps - 1) if self.config.bnwb == "on" else ...

    def flat(self, x: Tensor, conv: Convolution) -> Tensor:
        """Return features [T, N, D] of the last block's output x."""
        return conv.by_task(x if self.pools else x.mean((2, 3))).flatten(2)


class Pass:
    """A pass of T tasks' images through the network, each at its own weights, and its derivatives.

    To be asked in this order: `gradient`, then `tangent`, each at most once.

    Args:
        network: the network.
        weights: adapted ones [T, ...], norm weights [F] or [S, F].
        images: [T, N, C, H, W].
        step: the inner step whose norm weights are used.

    Attributes:
        logits: [T, N, W].
        blocks: each block's pass, from the lowest.
    """

    def __init__(self, network: Conv4, weights: Mapping[str, Tensor], images: Tensor, step: int) -> None:
        self._network, self._tasks = network, len(images)
        self._how = how = network.kernels(images.device)
        self._conv = conv = network.convolution(self._tasks, how)
        x = how.laid_out(conv.side_by_side(images))
        make = compiled_block() if network.config.compile else BlockPass
        self.blocks: dict[str, BlockPass] = {}
        for block in network.blocks:
            kernel = grouped(weights[f"{block}.weight"], how)
            norm = network.norm_weights(weights, block, step, self._tasks)
            self.blocks[block] = make(conv, x, kernel, *norm, pools=network.pools, lowest=not self.blocks)
            x = self.blocks[block].y
        self._top = x
        self._head = HeadPass(network.flat(x, conv), weights["linear.weight"], weights["linear.bias"])
        self.logits = self._head.logits

    @property
    def outputs(self) -> Weights:
        """Each layer's output by name, from the lowest to the logits."""
        return {block: it.y for block, it in self.blocks.items()} | {"linear": self.logits}

    def gradient(self, labels: Tensor, share: float | Tensor = 1.0) -> Weights:
        """Return the gradients of `share` times each task's mean cross-entropy for labels [T, N].

        By name: adapted weights [T, ...], norm weights of the step, summed over tasks, [F].
        """
        to_features, *to_head = self._head.gradient(labels, share)
        return self._down(to_features, to_head, "gradient")

    def tangent(self, direction: Mapping[str, Tensor]) -> Weights:
        """Return how `gradient`'s results move when the adapted weights [T, ...] move along `direction`."""
        dx: Tensor | None = None
        for block, it in self.blocks.items():
            dx = it.tangent(dx, grouped(direction[f"{block}.weight"], self._how))
        assert dx is not None
        self._head.tangent(self._network.flat(dx, self._conv), direction["linear.weight"], direction["linear.bias"])
        to_features, *to_head = self._head.tangent_gradient()
        return self._down(to_features, to_head, "tangent_gradient")

    def _down(self, to_features: Tensor, to_head: list[Tensor], step_down: str) -> Weights:
        """Go from the head down to the lowest block; `step_down` names the block's method to call."""
        found = dict(zip(("linear.weight", "linear.bias"), to_head, strict=True))
        to_x = self._unflat(to_features)
        for block, it in reversed(self.blocks.items()):
            to_x, to_kernel, to_gamma, to_beta = getattr(it, step_down)(to_x)
            found[f"{block}.weight"] = to_kernel.unflatten(0, (self._tasks, -1))
            found[f"{block}.norm.gamma"] = to_gamma.view(self._tasks, -1).sum(0)
            found[f"{block}.norm.beta"] = to_beta.view(self._tasks, -1).sum(0)
        return found

    def _unflat(self, to_features: Tensor) -> Tensor:
        """Return the gradient of the last block's output, for that [T, N, D] of `Conv4.flat`."""
        h, w = self._top.shape[2:]
        sides = (h, w) if self._network.pools else (1, 1)
        to_top = self._conv.side_by_side(to_features.reshape(*to_features.shape[:2], -1, *sides))
        return self._how.laid_out(to_top if self._network.pools else (to_top / (h * w)).expand(self._top.shape))


def grouped(weight: Tensor, how: Kernels) -> Tensor:
    """Return the tasks' kernels [T, F, C, 3, 3] as one grouped convolution's, [T*F, C, 3, 3]."""
    return how.laid_out(weight.flatten(0, 1))


def _xavier(shape: tuple[int, ...], seed: int, name: str) -> Tensor:
    """Return a tensor uniform in +-sqrt(6 / (fan_in + fan_out)), addressed by (seed, "init", name)."""
    field = math.prod(shape[2:])
    bound = math.sqrt(6 / ((shape[0] + shape[1]) * field))
    uniform = torch.from_numpy(Source(seed, "init", name).uniform(math.prod(shape)))
    return ((2 * uniform - 1) * bound).reshape(shape)
