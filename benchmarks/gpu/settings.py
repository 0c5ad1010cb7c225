"""What the stages train: the sizes of the released Omniglot configs, and a small one, on noise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from trainers.config import TrainerConfig
from trainers.overrides import merge, normalise
from trainers.training_run import TrainingRun

from ..setting import Setting, noise
from .rows import Place

SMALL = Setting(filters=16, tasks=4, steps=3)
TINY = Setting(filters=8, tasks=2, steps=2)
SIZES = {
    "5-way, 8 tasks": Setting(),
    "5-way, 16 tasks": Setting(tasks=16),
    "20-way, 16 tasks": Setting(ways=20, tasks=16),
    "5-way, 4 tasks, 16 filters, 3 steps": SMALL,
}


def sizes(place: Place) -> dict[str, Setting]:
    """Return the sizes by name; a tiny one alone if the stages are only tried."""
    return {"tiny": TINY} if place.quick else SIZES


def first(place: Place) -> Setting:
    """Return the size that everything is looked at with."""
    return next(iter(sizes(place).values()))


def config(place: Place, setting: Setting, **settings: Any) -> TrainerConfig:
    """Return the config of a training at a size, with other settings by dotted path."""
    return normalise(merge(replace(setting, device=place.device).tree(), settings))[0]


def start(place: Place, setting: Setting, **settings: Any) -> TrainingRun:
    """Return a training at its first iteration."""
    return TrainingRun(config(place, setting, **settings), 0, noise(setting.channels, setting.size))
