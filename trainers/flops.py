"""The operations of a training (FLOPs), counted: those of all convolutions and matrix products, by arithmetic alone.

A multiplication and an addition are two operations. What is elementwise (batch norm, pooling, Adam) is left out: it
takes time, but its share is alike in all configs. Per image and layer, in multiples of a pass forward (in brackets
where the layer is the lowest, whose input needs no gradient and has no tangent), as `models.block` and `models.head` do
it:

    forward 1, gradient 2 [1], tangent 2 [1], gradient of the tangent 4 [1]

A training step on a support set goes forward and has a gradient, with second order also both tangents; a query set
that counts (MSL) goes forward and has a gradient. Validation has no tangents, and its queries only go forward.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .config import TrainerConfig
from .mamlpp.schedules import msl_weights, second_order


@dataclass(frozen=True)
class ImageFlops:
    """Operations for one image: a `forward` pass, its `gradient`, and the two tangents of second order."""

    forward: float
    gradient: float
    tangents: float


def image_flops(config: TrainerConfig, channels: int, size: int) -> ImageFlops:
    """Return the operations that one image of [channels, size, size] takes in the config's network."""
    lowest, *above = _layers(config, channels, size)
    rest = math.fsum(above)
    return ImageFlops(lowest + rest, lowest + 2 * rest, 2 * lowest + 6 * rest)


def _layers(config: TrainerConfig, channels: int, size: int) -> list[float]:
    """Return the operations of a pass forward of one image, layer by layer, the linear one last."""
    filters, side, found = config.model.filters, size, list[float]()
    pools = config.model.downsample == "max_pool"
    for block in range(config.model.blocks):
        computed = side if pools else math.ceil(side / 2)
        found.append(2.0 * computed**2 * 9 * (filters if block else channels) * filters)
        side = side // 2 if pools else computed
    features = filters * side**2 if pools else filters
    return [*found, 2.0 * features * config.episodes.ways]


def epoch_flops(config: TrainerConfig, channels: int, size: int, epoch: int) -> float:
    """Return the operations of one epoch (from 0): its iterations and its validation."""
    image, shape = image_flops(config, channels, size), config.episodes
    support, queries = shape.ways * shape.shots, shape.ways * shape.queries
    with_gradient = image.forward + image.gradient
    a_step = support * (with_gradient + (image.tangents if second_order(config, epoch) else 0.0))
    query_passes = sum(weight > 0 for weight in msl_weights(config, epoch))
    a_task = config.inner.steps * a_step + query_passes * queries * with_gradient
    validation = config.evaluation_steps * support * with_gradient + queries * image.forward
    return config.budget.iterations * shape.tasks * a_task + config.evaluation.val_tasks * validation


def flops(config: TrainerConfig, channels: int, size: int, epochs: int | None = None) -> float:
    """Return the operations of a training's first `epochs` epochs (None: all), without its test.

    Args:
        config: what is trained.
        channels: of the images.
        size: side of the square images, in pixels.
        epochs: how many.
    """
    last = config.budget.epochs if epochs is None else epochs
    return math.fsum(epoch_flops(config, channels, size, epoch) for epoch in range(last))
