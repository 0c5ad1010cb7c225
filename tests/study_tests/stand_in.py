"""A trainer that only pretends: a generator that honours checkpoints and does as its config's numbers tell it.

The accuracy of epoch e is a fixed function of config and seed. `outer.beta1` gives orders (see `ORDERS`), and the
environment variable STAND_IN_SECONDS says how long an epoch takes.
"""

from __future__ import annotations

import os
import resource
import signal
import time
from collections.abc import Generator
from dataclasses import asdict
from pathlib import Path

import torch

from trainers.checkpoint import CheckpointFolder
from trainers.config import TrainerConfig
from trainers.data.classes import SPLITS, ClassData, ClassRange
from trainers.data.config import DataConfig
from trainers.disk import naming
from trainers.divergence import Diverged
from trainers.fingerprint import fingerprint_of
from trainers.results import EpochResult, TrainResult

ORDERS = {
    "full": 0.79,
    "diverge": 0.81,
    "out_of_memory": 0.82,
    "raise": 0.83,
    "die": 0.84,
    "die_once": 0.85,
    "raise_once": 0.86,
    "hang": 0.87,
    "exhaust": 0.88,
    "large": 0.89,
    "lose_gpu_once": 0.91,
}
"""Values of outer.beta1; each happens in epoch 2."""


def load(config: DataConfig, folder: Path) -> ClassData:
    """Return 20 classes a split, all of the same 40 black images: as many as any preset's tasks take."""
    classes = {split: tuple(ClassRange(f"{split}{i}", 0, 40) for i in range(20)) for split in SPLITS}
    return ClassData("stand-in", torch.zeros(40, 1, 28, 28, dtype=torch.uint8), classes)


def train(
    config: TrainerConfig, seed: int, data: ClassData, *, checkpoint: CheckpointFolder | None = None, test: bool = True
) -> Generator[EpochResult, None, TrainResult]:
    """Do as `trainers.training.train` does, without training."""
    state = checkpoint.load() if checkpoint else None
    history = [EpochResult(**epoch) for epoch in (state or {"history": []})["history"]]
    yield from history
    if len(history) < config.budget.epochs:
        print(f"trains {fingerprint_of(config, seed, '')[:12]} from epoch {len(history) + 1}", flush=True)
    for number in range(len(history) + 1, config.budget.epochs + 1):
        time.sleep(float(os.environ.get("STAND_IN_SECONDS", "0")))
        _obey(config, number, checkpoint)
        history.append(_epoch(config, seed, number))
        if checkpoint:
            checkpoint.save(number, _state(history))
        yield history[-1]
    if checkpoint:
        checkpoint.finish(_state(history))
    best = max(history, key=lambda epoch: epoch.val_accuracy)
    tested = {"test_accuracy": 0.5, "test_accuracy_se": 0.1, "test_per_task": (0.25, 0.75)} if test else {}
    return TrainResult(
        best_epoch=best.epoch, best_val_accuracy=best.val_accuracy, ensemble_epochs=(best.epoch,),
        inner_rates={"conv0.weight": [0.1, -0.2]}, seconds=sum(epoch.seconds for epoch in history),
        **tested,  # type: ignore[arg-type]
    )  # fmt: skip


def train_elsewhere(
    config: TrainerConfig, seed: int, data: ClassData, *, checkpoint: CheckpointFolder, test: bool = True
) -> Generator[EpochResult, None, TrainResult]:
    """Train as `train` does, and leave no checkpoint, as on a machine with another disk in the home's place."""
    result = yield from train(config, seed, data, checkpoint=checkpoint, test=test)
    checkpoint.remove()
    return result


def _state(history: list[EpochResult]) -> dict[str, object]:
    return {"history": [asdict(epoch) for epoch in history]}


def accuracy(config: TrainerConfig, seed: int, epoch: int) -> float:
    """Return a share between 0 and 1 that depends on all of config and seed, and rises with the epochs."""
    luck = int(fingerprint_of(config, seed, "")[:8], 16) / 2**32
    return luck * epoch / config.budget.epochs


def _epoch(config: TrainerConfig, seed: int, epoch: int) -> EpochResult:
    value = accuracy(config, seed, epoch)
    return EpochResult(
        epoch=epoch, train_loss=1 - value, train_accuracy=value, val_loss=1 - value, val_accuracy=value,
        val_accuracy_se=0.01, outer_lr=0.001, seconds=0.01, tasks_per_second=100.0, finished_at=time.time(),
    )  # fmt: skip


def _obey(config: TrainerConfig, epoch: int, checkpoint: CheckpointFolder | None) -> None:
    order = next((order for order, value in ORDERS.items() if value == config.outer.beta1), "")
    if epoch != 2:
        return
    if order == "full":
        with naming(Path("/dev/full")):
            Path("/dev/full").write_text("x")
    if order == "exhaust":
        _exhaust()
    if order == "hang":
        time.sleep(3600)
    if order == "diverge":
        raise Diverged(2, 7, 1, "conv0")
    if order == "out_of_memory" or (order == "large" and config.tasks_at_once == "auto"):
        raise MemoryError("no room for 3 GiB")
    if order == "lose_gpu_once" and _first_time(checkpoint):
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")
    if order == "raise" or (order == "raise_once" and _first_time(checkpoint)):
        raise RuntimeError("the stand-in was told to fail")
    if order == "die" or (order == "die_once" and _first_time(checkpoint)):
        print("the stand-in's last words", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)


def _exhaust() -> None:
    """Ask for a gibibyte where the address space has room for half of one."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**29, before[1]))
    try:
        torch.zeros(2**28)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def _first_time(checkpoint: CheckpointFolder | None) -> bool:
    assert checkpoint is not None
    mark = checkpoint.path / "died"
    there = mark.exists()
    mark.touch()
    return not there
