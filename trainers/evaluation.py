"""Accuracy per task on a fixed list of tasks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .data.episodes import EpisodeStream, TaskBatch
from .mamlpp.inner_loop import Learner
from .models.conv4 import Weights
from .models.head import accuracy, cross_entropy
from .models.norm import RunningStatistics
from .sections import Queries


@dataclass(frozen=True)
class Snapshot:
    """Meta-learned weights and running statistics after an epoch."""

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
    learner: Learner,
    members: Sequence[Snapshot],
    stream: EpisodeStream,
    tasks: int,
    at_once: int = 1,
    queries: Sequence[Queries] = (),
    first: int = 0,
) -> dict[Queries, list[Scores]]:
    """Score `tasks` tasks of `stream`, starting with number `first`: for each normalisation mode of queries, by
    ensembles of the first 1, 2, ... members.

    Args:
        learner: network and config.
        members: the weights that predict, best first; an ensemble is the mean of its members' logits.
        stream: the tasks.
        tasks: number of tasks.
        at_once: number of tasks computed together.
        queries: normalisation modes of queries; default: the config's. Adaptation to a task is computed once for all
            members and modes.
        first: number of the first task.
    """
    norm_modes = queries or (learner.config.norm.queries,)
    found: dict[Queries, list[list[tuple[Tensor, Tensor]]]] = {
        norm_mode: [[] for _ in members] for norm_mode in norm_modes
    }
    for start in range(first, first + tasks, at_once):
        batch = stream.batch((task,) for task in range(start, min(start + at_once, first + tasks)))
        answers = [_answers(learner, member, batch, norm_modes) for member in members]
        for norm_mode, logits in zip(norm_modes, zip(*answers, strict=True), strict=True):
            total = torch.zeros_like(logits[0])
            for count, one in enumerate(logits, start=1):
                total += one
                mean = total / count
                score = accuracy(mean, batch.query_labels), cross_entropy(mean, batch.query_labels)
                found[norm_mode][count - 1].append(score)
    return {norm_mode: [_scores(parts) for parts in by_size] for norm_mode, by_size in found.items()}


def _answers(learner: Learner, member: Snapshot, tasks: TaskBatch, norm_modes: Sequence[Queries]) -> list[Tensor]:
    running = RunningStatistics(member.statistics, learner.config.norm.momentum)
    return learner.predict(
        member.weights, tasks, *(running if norm_mode == "running" else None for norm_mode in norm_modes)
    )


def _scores(parts: list[tuple[Tensor, Tensor]]) -> Scores:
    accuracies, losses = zip(*parts, strict=True)
    return Scores(torch.cat(accuracies).cpu(), torch.cat(losses).double().cpu())
