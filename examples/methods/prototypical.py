"""A method of your own in plain PyTorch: prototypical networks (Snell, Swersky, Zemel 2017) on mamlab's tasks.

    mamlab ablate examples/methods/prototypical.toml
    mamlab method check prototypical:METHOD --data glyphs    # in this folder

It takes the data sets, the class splits and, of equal seeds, the very tasks of MAML++, so that runs of both can stand
in one table: docs/methods.md.
"""

from __future__ import annotations

import copy
from collections.abc import Generator
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from mamlab import Checkpoint, Epoch, Metric, Outcome, Settings
from trainers.data import DataConfig, load
from trainers.data.classes import SPLITS, ClassData
from trainers.data.episodes import EpisodeStream, TaskBatch
from trainers.sections import Episodes


class Config(Settings):
    """Tasks, network and optimiser."""

    episodes: Episodes = Episodes()
    filters: int = Field(64, ge=1, description="channels of each of the four blocks")
    normalise: Literal["off", "on"] = Field("on", description="batch normalisation in each block")
    augment: Literal["off", "on"] = Field("on", description="shift training images by up to a pixel")
    lr: float = Field(1e-3, gt=0, description="learning rate of Adam")
    epochs: int = Field(20, ge=1, description="number of epochs; each ends with validation")
    iterations: int = Field(100, ge=1, description="training batches an epoch")
    tasks: int = Field(200, ge=2, description="validation tasks, and test tasks")


class ProtoNet:
    """The nearest class mean of embeddings; see `trainers.method.Method` for what each part is."""

    name, version = "ProtoNet", "1"
    config = Config
    components = ("normalise", "augment")
    metric = Metric("accuracy", unit="%", scale=100)
    pairing = "initial weights, training tasks, test tasks"
    data: ClassVar = {"source": "glyphs"}
    short: ClassVar = {"epochs": 3, "iterations": 2, "tasks": 4, "filters": 4}
    diverging: ClassVar = {"lr": 1e30}

    def epochs(self, config: Config) -> int:
        """Return the number of epochs."""
        return config.epochs

    def load(self, data: DataConfig, folder: Path) -> ClassData:
        """Return the classes of images that [data] names."""
        return load(data, folder)

    def train(
        self, config: Config, seed: int, data: ClassData, *, checkpoint: Checkpoint, test: bool
    ) -> Generator[Epoch, None, Outcome]:
        """Train the embedding; keep the best epoch's weights by validation accuracy."""
        train, val, tests = (EpisodeStream(data, split, config.episodes, seed) for split in SPLITS)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = _network(config, data)
        optimiser = torch.optim.Adam(network.parameters(), config.lr)
        state: dict[str, Any] = dict(checkpoint.load() or {"epoch": 0, "best": -1.0, "weights": {}})
        if state["epoch"]:
            network.load_state_dict(state["network"])
            optimiser.load_state_dict(state["optimiser"])
        for epoch in range(state["epoch"], config.epochs):
            losses = [
                self._step(network, optimiser, config, train, seed, position)
                for position in range(epoch * config.iterations, (epoch + 1) * config.iterations)
            ]
            value = float(torch.tensor(_accuracies(network, val, config.tasks)).mean())
            mean_loss = sum(losses) / len(losses)
            value = value if torch.isfinite(torch.tensor(mean_loss)) else float("nan")
            if value > state["best"]:
                state |= {"best": value, "weights": copy.deepcopy(network.state_dict())}
            state |= {"epoch": epoch + 1, "network": network.state_dict(), "optimiser": optimiser.state_dict()}
            checkpoint.save(state)
            yield Epoch(value, {"train_loss": mean_loss})
        if not test:
            return Outcome()
        network.load_state_dict(state["weights"])
        tested = _accuracies(network, tests, config.tasks)
        return Outcome(sum(tested) / len(tested), tested)

    def _step(
        self, network: nn.Module, optimiser: Any, config: Config, stream: EpisodeStream, seed: int, position: int
    ) -> float:
        """Take a step on the batch at `position`, counted from the first; all that is drawn follows from it."""
        network.train()
        tasks = stream.batch((position, task) for task in range(config.episodes.tasks))
        generator = torch.Generator().manual_seed(1_000_000 * seed + position)
        shift = int(torch.randint(-1, 2, (), generator=generator)) if config.augment == "on" else 0
        shift = (
            int(tasks.query_labels.sum()) % 3 - 1 if config.augment == "on" else 0
        )  # of the task, not of a generator
        losses = [
            nn.functional.cross_entropy(-_distances(network, task, shift), task.query_labels[0].flatten())
            for task in tasks.split(1)
        ]
        loss = torch.stack(losses).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return float(loss.detach())


def _network(config: Config, data: ClassData) -> nn.Sequential:
    blocks: list[nn.Module] = []
    for channels in (data.images.shape[1], *[config.filters] * 3):
        blocks.append(nn.Conv2d(channels, config.filters, 3, padding=1))
        blocks += [nn.BatchNorm2d(config.filters)] if config.normalise == "on" else []
        blocks += [nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*blocks, nn.Flatten())


def _distances(network: nn.Module, task: TaskBatch, shift: int = 0) -> Tensor:
    """Return the squared distances [queries, ways] of a single task's queries to the means of its classes."""
    support, query = (torch.roll(images, shift, -1) for images in (task.support, task.query))
    labels = task.support_labels[0].flatten()
    embedded = network(support.reshape(-1, *support.shape[-3:]))
    means = torch.stack([embedded[labels == label].mean(0) for label in labels.unique()])
    return torch.cdist(network(query.reshape(-1, *query.shape[-3:])), means) ** 2


@torch.no_grad()
def _accuracies(network: nn.Module, stream: EpisodeStream, tasks: int) -> list[float]:
    """Return the accuracy of each of the first tasks of a stream."""
    network.eval()
    found = []
    for number in range(tasks):
        task = stream.batch([(number,)])
        right = _distances(network, task).argmin(1) == task.query_labels[0].flatten()
        found.append(float(right.double().mean()))
    return found


METHOD = ProtoNet()
