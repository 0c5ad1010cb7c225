"""A pilot: measures the cost of an iteration, an evaluated task and a checkpoint with the trainer itself."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainers.checkpoint import CheckpointFolder
from trainers.config import TrainerConfig
from trainers.data.classes import ClassData
from trainers.errors import TooLarge
from trainers.mamlpp.schedules import msl_weights, second_order
from trainers.memory import is_out_of_memory, keep_freed_memory
from trainers.overrides import merge, normalise
from trainers.training import train

EPOCHS = 4
"""Of a measurement; the first only warms up."""
FREE = ("outer", "ca", "evaluation", "budget", "device")
"""Sections that do not affect the cost of an iteration."""


@dataclass(frozen=True)
class Cost:
    """Seconds of one meta-iteration and of one evaluated task; bytes of files with one epoch's weights, and of each
    epoch more.

    An epoch's file (`epoch`) also holds what training needs to go on; a finished training's (`final`) does not.
    """

    iteration: float
    task: float
    epoch: int
    final: int
    weights: int


class Pilot:
    """Measures each cost class once: configs that differ only in learning rates, schedules or length share one.

    Args:
        data: what is trained on.
        gpu: whether trainings run on a GPU. An epoch then has more iterations, as the first of a training are taken
            before a graph replays them, and more validation tasks, as many are computed together.
    """

    def __init__(self, data: ClassData, gpu: bool = False) -> None:
        keep_freed_memory()  # as workers do
        self._data = data
        self.iterations, self.val_tasks = (10, 512) if gpu else (1, 16)
        """Of each epoch that is measured."""
        self.tell: Callable[[int], None] = lambda number: None
        """Called with the number of each measurement, from 1 on, when it begins."""
        self._costs: dict[str, Cost] = {}
        self.seconds = 0.0
        """Time that the measurements took."""

    def measurements(self, configs: Iterable[TrainerConfig]) -> int:
        """Return how many cost classes these configs have."""
        keys = {self._short(one, *phase)[0] for one in configs for phase in {*_phases(one), (True, False)}}
        return len(keys)

    @property
    def timed(self) -> str:
        """What is timed of each class."""
        epochs = EPOCHS - 1
        return f"{epochs * self.iterations} iterations and {epochs * self.val_tasks:,} validation tasks"

    @property
    def classes(self) -> int:
        """How many classes of cost were measured."""
        return len(self._costs)

    def run_seconds(self, config: TrainerConfig, test: bool) -> float:
        """Return the seconds of one training: its iterations by order and multi-step loss, validation, and test."""
        phases = _phases(config)
        costs = {phase: self._cost(config, *phase) for phase in phases}
        training = sum(count * config.budget.iterations * costs[phase].iteration for phase, count in phases.items())
        a_task = max(cost.task for cost in costs.values())
        evaluation, epochs = config.evaluation, config.budget.epochs
        tested = evaluation.test_tasks * (1 + min(evaluation.top_k, epochs)) if test else 0
        return training + a_task * (epochs * evaluation.val_tasks + tested)

    def kept_bytes(self, config: TrainerConfig, keep: str) -> int:
        """Return the bytes of checkpoints that a complete run of `config` leaves."""
        cost = self._cost(config, True, False)
        kept = [min(epoch, config.evaluation.top_k) - 1 for epoch in range(1, config.budget.epochs + 1)]
        final = cost.final + cost.weights * kept[-1]
        everything = final + sum(cost.epoch + cost.weights * more for more in kept)
        return {"none": 0, "best": final, "all": everything}[keep]

    def _cost(self, config: TrainerConfig, second: bool, multi_step: bool) -> Cost:
        key, short = self._short(config, second, multi_step)
        if key not in self._costs:
            self.tell(len(self._costs) + 1)
            self._costs[key] = self._fitting(short)
        return self._costs[key]

    def _short(self, config: TrainerConfig, second: bool, multi_step: bool) -> tuple[str, TrainerConfig]:
        """Return a class of cost: its name, and the short training that is measured for it."""
        tree = config.model_dump()
        changes: dict[str, Any] = {
            "da": "off" if second else {"first_order_epochs": 1.0},
            "msl": {"schedule": "linear", "epochs": 1.0} if multi_step else "off",
            "ca": "off",
            "budget": {"epochs": EPOCHS, "iterations": self.iterations},
            "evaluation": {"val_tasks": self.val_tasks, "test_tasks": 2, "top_k": 2},
        }
        short, _ = normalise(merge({key: value for key, value in tree.items() if key not in changes}, changes))
        return short.model_dump_json(exclude=set(FREE)), short

    def _fitting(self, config: TrainerConfig) -> Cost:
        """Return the cost of a class. Raises TooLarge if this machine's memory does not hold its training."""
        try:
            return self._measure(config)
        except TooLarge:
            raise
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            model, episodes = config.model, config.episodes
            raise TooLarge(
                f"model.filters = {model.filters}, episodes.tasks = {episodes.tasks}: a training must fit into memory,"
                f" but its measurement ran out of it ({str(error).splitlines()[0]}); use fewer filters or tasks"
            ) from error

    def _measure(self, config: TrainerConfig) -> Cost:
        began = time.perf_counter()
        iterations, tasks, sizes = [], [], []
        with tempfile.TemporaryDirectory() as folder:
            for epoch in train(config, 0, self._data, checkpoint=CheckpointFolder(Path(folder)), test=False):
                iterations.append(config.episodes.tasks / epoch.tasks_per_second)
                training = iterations[-1] * config.budget.iterations
                tasks.append((epoch.seconds - training) / config.evaluation.val_tasks)
                sizes.append(max(file.stat().st_size for file in Path(folder).glob("epoch-*.ckpt")))
            final = (Path(folder) / "final.ckpt").stat().st_size
        self.seconds += time.perf_counter() - began
        weights = sizes[1] - sizes[0]
        return Cost(statistics.median(iterations[1:]), statistics.median(tasks[1:]), sizes[0], final - weights, weights)


def _phases(config: TrainerConfig) -> Counter[tuple[bool, bool]]:
    """Return the epochs of each kind: whether of second order, whether with the loss of several steps."""
    return Counter(
        (second_order(config, epoch), sum(weight > 0 for weight in msl_weights(config, epoch)) > 1)
        for epoch in range(config.budget.epochs)
    )
