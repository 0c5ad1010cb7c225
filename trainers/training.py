"""Training: the loop on one screen.

>>> for epoch in train(config, seed=0, data=data):     # doctest: +SKIP
...     print(epoch.epoch, epoch.val_accuracy)
"""

from __future__ import annotations

from collections.abc import Generator

from .checkpoint import CheckpointFolder
from .config import TrainerConfig
from .data.classes import ClassData
from .results import EpochResult, TrainResult
from .training_run import TrainingRun


def train(
    config: TrainerConfig,
    seed: int,
    data: ClassData,
    *,
    checkpoint: CheckpointFolder | None = None,
    test: bool = True,
    held_out: bool = False,
) -> Generator[EpochResult, None, TrainResult]:
    """Train a network; yield each epoch's result and return the training's.

    With a `checkpoint` every epoch is saved before it is yielded. When restarted, it first yields the saved epochs'
    results and then resumes, bit-identically on the same device, threads and versions; a finished training is not
    repeated. With `test`, the best epoch and the top-k ensemble are tested once, at the end. With `held_out`, the best
    epoch is scored once, at the end, on validation tasks that no epoch was validated on.

    Raises Diverged when a loss is not finite, DataError when `data` has too few classes or images for the config's
    episodes, ValueError when the config asks for what this machine lacks.
    """
    run = TrainingRun(config, seed, data)
    run.restore(checkpoint.load() if checkpoint else None)
    yield from run.history
    while len(run.history) < config.budget.epochs:
        epoch = run.epoch()
        if checkpoint:
            checkpoint.save(epoch.epoch, run.state())
        yield epoch
    result = run.result(test, held_out)
    if checkpoint:
        checkpoint.finish(run.final_state())
    return result


def fit(config: TrainerConfig, seed: int, data: ClassData, *, test: bool = True) -> TrainResult:
    """Train without looking at the epochs; see `train`."""
    epochs = train(config, seed, data, test=test)
    while True:
        try:
            next(epochs)
        except StopIteration as end:
            result: TrainResult = end.value
            return result
