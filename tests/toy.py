"""A tiny data set and tiny settings: a training in a second."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch

from trainers.config import TrainerConfig
from trainers.data.classes import ClassData, ClassRange
from trainers.overrides import merge, normalise
from trainers.randomness import Source

PER_CLASS = 8
DEVICE = os.environ.get("MAMLAB_TEST_DEVICE", "cpu")
"""Where tests train: `MAMLAB_TEST_DEVICE=cuda` runs them on a GPU."""


def toy_data(size: int = 14) -> ClassData:
    """Return 30 classes of 8 noisy copies of a random pattern: 14 for training, 8 for validation, 8 for testing."""
    source, images = Source("toy"), []
    for _ in range(30):
        pattern = source.uniform(size * size)
        images += [0.6 * pattern + 0.4 * source.uniform(size * size) for _ in range(PER_CLASS)]
    pixels = torch.from_numpy((np.stack(images) * 255).astype(np.uint8)).reshape(-1, 1, size, size)
    classes = [ClassRange(f"class{i}", i * PER_CLASS, PER_CLASS) for i in range(30)]
    return ClassData(
        "toy", pixels, {"train": tuple(classes[:14]), "val": tuple(classes[14:22]), "test": tuple(classes[22:])}
    )


TOY: dict[str, Any] = {
    "episodes": {"ways": 3, "tasks": 2},
    "model": {"filters": 4, "blocks": 2},
    "inner": {"steps": 2},
    "budget": {"epochs": 3, "iterations": 4},
    "evaluation": {"val_tasks": 6, "test_tasks": 8, "top_k": 2},
    "device": DEVICE,
}
EVERYTHING: dict[str, Any] = {"msl": "on", "da": "on", "lslr": "on", "ca": "on", "bnwb": "on", "bnrs": "on"}


def toy_config(**overrides: Any) -> TrainerConfig:
    """Return a tiny config; keyword arguments are sections or components."""
    return normalise(merge(TOY, overrides))[0]
