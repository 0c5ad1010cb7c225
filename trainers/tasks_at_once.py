"""How many tasks of a meta-batch are computed together: it changes speed and memory, not numbers."""

from __future__ import annotations

import os

import torch

from .arithmetic import pick_device
from .config import TrainerConfig
from .data.classes import ClassData

CACHED = 4 * 2**20
"""Bytes of the largest activation of the tasks computed together on a CPU: more fall out of its caches."""
GPU_MEMORY = 8 * 2**30
"""Bytes that the tasks computed together may take on a GPU, about; on a small or a shared card less."""


def _gpu_memory(device: torch.device) -> float:
    """Return the bytes that tasks computed together may take: of the card no more than this process's share."""
    return min(GPU_MEMORY, 0.8 * torch.cuda.get_device_properties(device).total_memory * gpu_share())


def gpu_share() -> float:
    """Return the part of its GPU that this process may use: all of it, unless MAMLAB_GPU_SHARE says less (0 to 1)."""
    try:
        share = float(os.environ.get("MAMLAB_GPU_SHARE", "1"))
    except ValueError:
        return 1.0
    return share if 0 < share <= 1 else 1.0


def tasks_at_once(config: TrainerConfig, data: ClassData) -> int:
    """Return how many tasks are trained together: ``tasks_at_once``, or as many as the caches or a GPU hold, at least
    1.

    Evaluation, whose steps are forgotten, takes twice as many.
    """
    if config.tasks_at_once != "auto":
        return min(config.tasks_at_once, config.episodes.tasks)
    shrink = 1.0 if config.model.downsample == "max_pool" else 0.25
    pixels = data.images.shape[-1] ** 2 * config.episodes.ways * config.model.filters * shrink
    if pick_device(config).type == "cpu":
        limit = CACHED / (pixels * config.episodes.shots * 4)
    else:  # four tensors of block 0's output a support step, with what the smaller blocks add, and a query's pass
        limit = _gpu_memory(pick_device(config)) / (
            pixels * 4 * (6 * config.episodes.shots * config.inner.steps + 8 * config.episodes.queries)
        )
    return max(1, min(config.episodes.tasks, int(limit)))
