"""Accuracy per task on a fixed list of tasks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .data.episodes import EpisodeStream, TaskBatch
from .mamlpp.inner_loop import Learner, accuracy, cross_entropy
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


def evaluate(
    learner: Learner, members: Sequence[Snapshot], stream: EpisodeStream, tasks: int, at_once: int = 1
) -> Scores:
    """Score the mean of the members' logits on the first `tasks` tasks of `stream`; one member is a single model.

    `at_once` tasks are computed together.
    """
    accuracies, losses = [], []
    for start in range(0, tasks, at_once):
        batch = stream.batch((task,) for task in range(start, min(start + at_once, tasks)))
        logits = torch.stack([_predict(learner, member, batch) for member in members]).mean(0)
        losses.append(cross_entropy(logits, batch.query_labels))
        accuracies.append(accuracy(logits, batch.query_labels))
    return Scores(torch.cat(accuracies).cpu(), torch.cat(losses).double().cpu())


def _predict(learner: Learner, member: Snapshot, tasks: TaskBatch) -> Tensor:
    statistics = None
    if learner.config.norm.queries == "running":
        statistics = RunningStatistics(member.statistics, learner.config.norm.momentum)
    return learner.predict(member.weights, tasks, statistics)
