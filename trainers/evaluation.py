"""Accuracy per task on a fixed list of tasks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from .data.episodes import Episode, EpisodeStream
from .mamlpp.inner_loop import Learner
from .models.conv4 import Weights
from .models.norm import RunningStatistics


@dataclass(frozen=True)
class Snapshot:
    """What predicts: the meta-learned weights and the running statistics after some epoch."""

    epoch: int
    val_accuracy: float
    weights: Weights
    statistics: Weights


@dataclass(frozen=True)
class Scores:
    """Accuracy and cross-entropy of each task, float64 [N] on the CPU."""

    accuracy: Tensor
    loss: Tensor

    @property
    def mean_accuracy(self) -> float:
        """Mean over tasks, in [0, 1]."""
        return float(self.accuracy.mean())

    @property
    def standard_error(self) -> float:
        """Standard error of the mean over tasks: sampling of tasks alone, not of seeds."""
        return float(self.accuracy.std(correction=1) / math.sqrt(len(self.accuracy)))


def evaluate(learner: Learner, members: Sequence[Snapshot], stream: EpisodeStream, tasks: int) -> Scores:
    """Score the mean of the members' logits on the first `tasks` tasks of `stream`; one member is a single model."""
    accuracies, losses = [], []
    for task in range(tasks):
        episode = stream.task(task)
        logits = torch.stack([_predict(learner, member, episode) for member in members]).mean(0)
        losses.append(functional.cross_entropy(logits, episode.query_labels))
        accuracies.append((logits.argmax(1) == episode.query_labels).double().mean())
    return Scores(torch.stack(accuracies).cpu(), torch.stack(losses).double().cpu())


def _predict(learner: Learner, member: Snapshot, episode: Episode) -> Tensor:
    statistics = None
    if learner.config.norm.queries == "running":
        statistics = RunningStatistics(member.statistics, learner.config.norm.momentum)
    return learner.predict(member.weights, episode, statistics)
