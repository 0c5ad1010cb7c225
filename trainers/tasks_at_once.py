"""How many tasks of a meta-batch are computed together: it changes speed and memory, not numbers."""

from __future__ import annotations

from .arithmetic import pick_device
from .config import TrainerConfig
from .data.classes import ClassData

CACHED = 4 * 2**20
"""Bytes of the largest activation of the tasks computed together on a CPU: more fall out of its caches."""
GPU_MEMORY = 8 * 2**30
"""Bytes that the tasks computed together may take on a GPU, about."""


def tasks_at_once(config: TrainerConfig, data: ClassData) -> int:
    """Return how many tasks are trained together: ``tasks_at_once``, or as many as the caches or a GPU hold, at least 1.

    Evaluation, whose steps are forgotten, takes twice as many.
    """
    if config.tasks_at_once != "auto":
        return min(config.tasks_at_once, config.episodes.tasks)
    shrink = 1.0 if config.model.downsample == "max_pool" else 0.25
    pixels = data.images.shape[-1] ** 2 * config.episodes.ways * config.model.filters * shrink
    if pick_device(config).type == "cpu":
        limit = CACHED / (pixels * config.episodes.shots * 4)
    else:  # four tensors of block 0's output a support step, with what the smaller blocks add, and a query's pass
        limit = GPU_MEMORY / (
            pixels * 4 * (6 * config.episodes.shots * config.inner.steps + 8 * config.episodes.queries)
        )
    return max(1, min(config.episodes.tasks, int(limit)))
