"""Number of tasks of a meta-batch computed together: affects speed and memory, not results."""

from __future__ import annotations

import os

import torch

from .arithmetic import pick_device
from .config import TrainerConfig
from .data.classes import ClassData

CACHED = 4 * 2**20
"""Maximum size in bytes of the largest activation of tasks computed together on a CPU; larger ones do not fit into its
caches.
"""
GPU_MEMORY = 8 * 2**30
"""Approximate bytes that tasks computed together may use on a GPU; on a small or shared one the limit is lower."""


def _gpu_memory(device: torch.device) -> float:
    """Return the bytes that tasks computed together may use: at most this process's share of the GPU."""
    return min(GPU_MEMORY, 0.8 * torch.cuda.get_device_properties(device).total_memory * gpu_share())


def gpu_share() -> float:
    """Return the share of its GPU that this process may use: 1, unless MAMLAB_GPU_SHARE sets less (0 to 1)."""
    try:
        share = float(os.environ.get("MAMLAB_GPU_SHARE", "1"))
    except ValueError:
        return 1.0
    return share if 0 < share <= 1 else 1.0


def tasks_at_once(config: TrainerConfig, data: ClassData) -> int:
    """Return the number of tasks trained together: ``tasks_at_once``, or as many as fit into the caches or the GPU, at
    least 1.
    """
    if config.tasks_at_once != "auto":
        return min(config.tasks_at_once, config.episodes.tasks)
    pixels = _pixels(config, data)
    if pick_device(config).type == "cpu":
        limit = CACHED / (pixels * config.episodes.shots * 4)
    else:  # tensors of block 0's output, measured: docs/results/gpu
        limit = _gpu_memory(pick_device(config)) / (
            pixels * 4 * (6 * config.episodes.shots * config.inner.steps + 10 * config.episodes.queries)
        )
    return max(1, min(config.episodes.tasks, int(limit)))


def evaluated_at_once(config: TrainerConfig, data: ClassData) -> int:
    """Return the number of tasks evaluated together: twice as many as in training, which must keep its steps.

    On a GPU, as many as fit in memory if ``tasks_at_once`` is "auto".
    """
    twice = 2 * tasks_at_once(config, data)
    if config.tasks_at_once != "auto" or pick_device(config).type == "cpu":
        return twice
    images = 10 * max(config.episodes.shots, config.episodes.queries)  # tensors of block 0's output, measured
    weights = 4 * 9 * config.model.filters**2 * config.model.blocks  # a task's own, their gradients, the moved ones
    return max(twice, int(_gpu_memory(pick_device(config)) / (4 * (images * _pixels(config, data) + weights))))


def _pixels(config: TrainerConfig, data: ClassData) -> float:
    """Return the number of outputs of block 0 for one image of each class of a task."""
    shrink = 1.0 if config.model.downsample == "max_pool" else 0.25
    return data.images.shape[-1] ** 2 * config.episodes.ways * config.model.filters * shrink
