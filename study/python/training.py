"""`mamlab.train`: one training without a study, with its arguments checked before it starts."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

from trainers.checkpoint import CheckpointFolder
from trainers.config import TrainerConfig
from trainers.data.classes import ClassData
from trainers.error_messages import show
from trainers.errors import InputError
from trainers.fingerprint import fingerprint_of
from trainers.paths import expanded
from trainers.results import EpochResult, TrainResult
from trainers.sections import Section
from trainers.training import train as train_checked

from ..spec.sections import Seed
from .arguments import path_of


class _Arguments(Section):
    seed: Seed


def train(
    config: TrainerConfig,
    seed: int,
    data: ClassData,
    *,
    checkpoint: CheckpointFolder | Path | str | None = None,
    test: bool = True,
    held_out: bool = False,
) -> Generator[EpochResult, None, TrainResult]:
    """Train a network; yield each epoch's result and return the training's, as `trainers.training.train` does.

    Args:
        config: such as `preset("maml")`.
        seed: of the initial weights and of the tasks, as [study] seed.
        data: as `load_data` returns it.
        checkpoint: folder in which each training saves its epochs in a folder of its own; the same call then resumes.
            A `CheckpointFolder` is used as it is.
        test: whether the best epoch and the ensemble are tested at the end.
        held_out: whether the best epoch is scored at the end on validation tasks that no epoch was validated on.

    Raises InputError at once for an argument that is something else; while it trains, as `trainers.training.train`.
    """
    if not isinstance(config, TrainerConfig):
        raise InputError(f'config: must be a TrainerConfig, such as mamlab.preset("maml"), not {show(config)}')
    seed = _Arguments(seed=seed).seed
    if not isinstance(data, ClassData):
        raise InputError(f'data: must be loaded, as by mamlab.load_data("glyphs"), not {show(data)}')
    if checkpoint is not None and not isinstance(checkpoint, CheckpointFolder):
        folder = expanded(path_of("checkpoint", checkpoint))
        checkpoint = CheckpointFolder(folder / fingerprint_of(config, seed, data.checksum))
    return train_checked(config, seed, data, checkpoint=checkpoint, test=test, held_out=held_out)
