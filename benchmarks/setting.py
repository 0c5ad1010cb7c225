"""The benchmarked training: the sizes of the released Omniglot configs, on images of noise."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cache

import torch

from trainers.config import TrainerConfig
from trainers.data.classes import ClassData, ClassRange
from trainers.overrides import Tree, merge, normalise
from trainers.presets import preset
from trainers.training_run import TrainingRun

IN_MSL, AFTER_MSL = 0, 50
"""Epochs (counted from 0) of the released 100: one with the query losses of all steps, one with the last step's only.
"""
DEVICE = "MAMLAB_BENCH_DEVICE"
"""Environment variable with the device on which both implementations compute."""
CLASSES = 100
IMAGES_A_CLASS = 20


@dataclass(frozen=True)
class Setting:
    """Sizes of a training with the released MAML++ settings; images are square."""

    ways: int = 5
    shots: int = 1
    queries: int = 1
    tasks: int = 8
    filters: int = 64
    steps: int = 5
    channels: int = 1
    size: int = 28
    second_order: bool = True
    precision: str = "float32"
    device: str = field(default_factory=lambda: os.environ.get(DEVICE, "cpu"))

    def tree(self) -> Tree:
        """Return the settings in the form that `normalise` accepts."""
        episodes = {"ways": self.ways, "shots": self.shots, "queries": self.queries, "tasks": self.tasks}
        own: Tree = {"episodes": episodes, "model.filters": self.filters, "inner.steps": self.steps}
        own |= {"precision": self.precision, "device": self.device}
        if not self.second_order:
            own["da.first_order_epochs"] = 1.0
        return merge(preset("mamlpp_released"), own)

    def config(self) -> TrainerConfig:
        """Return the trainer's config."""
        return normalise(self.tree())[0]

    def start(self) -> TrainingRun:
        """Return a training at its first iteration."""
        return TrainingRun(self.config(), 0, noise(self.channels, self.size))

    def iteration_flops(self) -> float:
        """Return the FLOPs of one meta-iteration during MSL if all convolutions are computed directly.

        Relative to a forward pass (1), its first-order backward pass costs 2, and the second-order pass through both
        costs 6 more. So a support step counts 9 (3 if first-order) and its query pass 3. A multiplication and an
        addition count as two operations.
        """
        support = self.ways * self.shots * self._image_flops()
        query = self.ways * self.queries * self._image_flops()
        return self.tasks * self.steps * ((9 if self.second_order else 3) * support + 3 * query)

    def _image_flops(self) -> float:
        """Return the FLOPs of the four convolutions for one image."""
        sides = [self.size // 2**block for block in range(4)]
        inputs = [self.channels, *[self.filters] * 3]
        return float(sum(2 * side**2 * 9 * c * self.filters for side, c in zip(sides, inputs, strict=True)))


@cache
def noise(channels: int = 1, size: int = 28) -> ClassData:
    """Return 100 classes of random images; the time does not depend on their content."""
    shape = (CLASSES * IMAGES_A_CLASS, channels, size, size)
    images = torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    classes = tuple(ClassRange(str(i), IMAGES_A_CLASS * i, IMAGES_A_CLASS) for i in range(CLASSES))
    return ClassData("noise", images, {"train": classes, "val": classes, "test": classes})


def load_noise(config: object, folder: object) -> ClassData:
    """Return the noise, with the signature of `trainers.data.load`."""
    return noise()
