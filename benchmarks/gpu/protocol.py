"""The paper's 5-way 1-shot protocol on Omniglot, as far as the time goes; the next call goes on from its checkpoint."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from trainers.checkpoint import CheckpointFolder
from trainers.config import TrainerConfig
from trainers.data import Omniglot, load
from trainers.data.classes import ClassData
from trainers.overrides import merge, normalise
from trainers.presets import preset
from trainers.results import EpochResult
from trainers.training import train

from ..setting import noise
from .rows import Place, Row

RESERVE = 15.0
"""Seconds of the limit that are left for the test and the end."""


def rows(place: Place) -> Iterator[Row]:
    """Yield how far it came, and what is to be expected of the rest."""
    began, config, folder = time.perf_counter(), _config(place), _folder(place)
    data, seen = _data(place), list[EpochResult]()
    for epoch in train(config, 0, data, checkpoint=CheckpointFolder(folder), test=False):
        seen.append(epoch)
        if time.perf_counter() - began + epoch.seconds > place.seconds - RESERVE:
            break
    yield from _rows(config, seen, data.name)
    yield Row("its checkpoint", str(folder), "carry it to <luggage>/protocol, and the next call goes on")


def _rows(config: TrainerConfig, seen: list[EpochResult], name: str) -> Iterator[Row]:
    last, left = seen[-1], config.budget.epochs - len(seen)
    best = max(seen, key=lambda epoch: epoch.val_accuracy)
    pace = f"{last.seconds:.2f} s an epoch, {last.tasks_per_second:.0f} tasks/s"
    rest = f"{left} left: {left * last.seconds / 60:.1f} minutes"
    yield Row(f"the paper's 5-way 1-shot on {name}", f"{len(seen)} of {config.budget.epochs} epochs", f"{pace}; {rest}")
    accuracy, loss = f"{100 * best.val_accuracy:.2f} %", f"{last.train_loss:.4f}"
    yield Row("its best validation accuracy", accuracy, f"epoch {best.epoch}; train loss {loss}")


def _config(place: Place) -> TrainerConfig:
    tiny = {"budget.epochs": 2, "budget.iterations": 2, "model.filters": 4, "evaluation.val_tasks": 8}
    return normalise(merge(preset("mamlpp"), {"device": place.device}, tiny if place.quick else {}))[0]


def _folder(place: Place) -> Path:
    """Return the folder of checkpoints, with those that an earlier call brought home."""
    folder, earlier = place.out / "protocol", place.luggage / "protocol"
    if earlier.is_dir() and not folder.exists():
        shutil.copytree(earlier, folder)
    return folder


def _data(place: Place) -> ClassData:
    omniglot, home = place.luggage / "omniglot-py", place.out / "data"
    if place.quick or not omniglot.is_dir():
        return noise()
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "omniglot-py").exists():
        (home / "omniglot-py").symlink_to(omniglot.resolve())
    return load(Omniglot(), home)
