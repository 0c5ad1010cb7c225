"""One training in progress: weights, optimiser and statistics; trains epoch by epoch, can be saved and restored."""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from .adam import Adam
from .arithmetic import arithmetic, pick_device, pick_dtype, pick_graphs
from .checkpoint import State
from .config import TrainerConfig
from .data.classes import ClassData
from .data.episodes import EpisodeStream, TaskBatch
from .divergence import Diverged, locate
from .evaluation import Scores, Snapshot, evaluate
from .graphs import GraphedStep
from .mamlpp.inner_loop import Learner
from .mamlpp.meta_step import meta_gradient
from .mamlpp.query_shares import QueryShares
from .mamlpp.schedules import msl_weights, outer_lr, second_order
from .mamlpp.step_sizes import rate_table
from .models.conv4 import Conv4, Weights
from .requirements import check
from .results import EpochResult, TrainResult
from .tasks_at_once import evaluated_at_once, tasks_at_once

HELD_OUT = 4
"""Held-out validation tasks for each of `evaluation.val_tasks`. They are scored once and decide between few trainings,
so a smaller error is worth what four validations cost."""


@dataclass
class TrainingRun:
    """The state of one training: weights, optimiser, statistics, history, the best epochs.

    Attributes:
        shares: the weights of the query losses in the current epoch.
        check_each_loss: whether each loss is checked as soon as it is computed, as on a CPU. Otherwise, losses are
            checked at the end of the epoch, so that nothing waits for a GPU.
    """

    config: TrainerConfig
    seed: int
    data: ClassData
    history: list[EpochResult] = field(default_factory=list)
    best: list[Snapshot] = field(default_factory=list)
    tested: dict[str, Any] = field(default_factory=dict)
    held_out: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        config = self.config
        check(config, self.data)
        device, dtype = pick_device(config), pick_dtype(config)
        self.data = self.data.to(device)
        self.learner = Learner(config, Conv4(config, self.data.images.shape[1], self.data.images.shape[-1]))
        own = self.config.model.init_seed
        self.weights = self.learner.initial(self.seed if own is None else own, dtype, device)
        self.statistics = self.learner.network.initial_statistics()
        self.statistics.values = {name: v.to(device, dtype) for name, v in self.statistics.values.items()}
        self.optimizer = Adam(self.weights, config.outer)
        self.streams = {s: EpisodeStream(self.data, s, config.episodes, self.seed, dtype) for s in self.data.splits}
        self.at_once, self.evaluated_at_once = tasks_at_once(config, self.data), evaluated_at_once(config, self.data)
        self.check_each_loss = device.type == "cpu"
        self.shares, self._second_order = QueryShares(msl_weights(config, 0), device), second_order(config, 0)
        self._begun: int | None = None
        self.graphed = GraphedStep(self.step) if pick_graphs(config) else None

    def epoch(self) -> EpochResult:
        """Train one epoch, validate, and keep the weights if they are among the k best."""
        started, index = time.perf_counter(), len(self.history)
        with arithmetic(self.config):
            loss, accuracy = self.train_epoch(index)
            trained = time.perf_counter()
            candidate = self.snapshot(index + 1)
            found = evaluate(
                self.learner, [candidate], self.streams["val"], self.config.evaluation.val_tasks, self.evaluated_at_once
            )
            scores = found[self.config.norm.queries][0]
            if not torch.isfinite(scores.loss).all():
                task = int((~torch.isfinite(scores.loss)).nonzero()[0])
                step, layer = locate(self.learner, self.weights, self.streams["val"].batch([(task,)]))
                raise Diverged(index + 1, self.config.budget.iterations, step, layer)
        result = EpochResult(
            epoch=index + 1,
            train_loss=loss,
            train_accuracy=accuracy,
            val_loss=float(scores.loss.mean()),
            val_accuracy=scores.mean_accuracy,
            val_accuracy_se=scores.standard_error,
            outer_lr=outer_lr(self.config, index),
            seconds=time.perf_counter() - started,
            tasks_per_second=self.config.budget.iterations * self.config.episodes.tasks / (trained - started),
            finished_at=time.time(),
        )
        self.history.append(result)
        self._keep(candidate, scores)
        return result

    def train_epoch(self, index: int) -> tuple[float, float]:
        """Take the meta-steps of epoch `index` (from 0); return their mean loss and accuracy.

        On a GPU, losses are read only at the end of the epoch; if one is not finite, the epoch is repeated and each
        loss is checked.
        """
        start = None if self.check_each_loss else self._training_state()
        seen = []
        for iteration in range(self.config.budget.iterations):
            loss, accuracy = self.iterate(index, self.tasks_of(index, iteration))
            if self.check_each_loss and not math.isfinite(loss):
                raise self._diverged(index, iteration)
            seen.append(torch.stack([loss.double(), accuracy]))
        losses, accuracies = torch.stack(seen, 1).tolist()
        if start is not None and not all(map(math.isfinite, losses)):
            self.check_each_loss = True
            self._go_back(start)
            return self.train_epoch(index)
        return math.fsum(losses) / len(losses), math.fsum(accuracies) / len(accuracies)

    def iterate(self, index: int, tasks: TaskBatch) -> tuple[Tensor, Tensor]:
        """Take one meta-step of epoch `index` (from 0) on `tasks`; return loss and accuracy before it, scalars on the
        device, to be read before the next call.

        If each loss is checked, as on a CPU, a loss that is not finite leaves the weights unchanged.
        """
        if index != self._begun:
            self._begin(index)
        if self.graphed and not self.check_each_loss:
            return self.graphed((self._second_order, self.shares.counts), tasks)
        return self.step(tasks)

    def _begin(self, index: int) -> None:
        """Set the values that change with the epoch."""
        self._begun, self._second_order = index, second_order(self.config, index)
        self.shares.set(msl_weights(self.config, index))
        self.optimizer.lr.fill_(outer_lr(self.config, index))

    def step(self, tasks: TaskBatch) -> tuple[Tensor, Tensor]:
        """Take one meta-step without a graph; see `iterate`, which sets what changes with the epoch."""
        self.statistics.forget()  # drop those of an interrupted step
        loss, accuracies = meta_gradient(
            self.learner,
            self.weights,
            tasks,
            self.shares,
            second_order=self._second_order,
            at_once=self.at_once,
            collect=self.statistics,
        )
        if self.config.outer.clip != "off":
            torch.nn.utils.clip_grad_value_(self.weights.values(), self.config.outer.clip)
        if not self.check_each_loss or math.isfinite(loss):
            self.optimizer.step()
            self.statistics.update()
        return loss, accuracies.mean()

    def tasks_of(self, index: int, iteration: int) -> TaskBatch:
        """Draw the training tasks of an iteration of epoch `index`, both from 0."""
        position = index * self.config.budget.iterations + iteration
        return self.streams["train"].batch((position, task) for task in range(self.config.episodes.tasks))

    def _diverged(self, index: int, iteration: int) -> Diverged:
        step, layer = locate(self.learner, self.weights, self.tasks_of(index, iteration))
        return Diverged(index + 1, iteration + 1, step, layer)

    def snapshot(self, epoch: int) -> Snapshot:
        """Copy the weights and statistics as those after `epoch`, without a validation accuracy yet."""
        return Snapshot(epoch, math.nan, _copy(self.weights), _copy(self.statistics.values))

    def _keep(self, candidate: Snapshot, scores: Scores) -> None:
        kept = Snapshot(candidate.epoch, scores.mean_accuracy, candidate.weights, candidate.statistics)
        ranked = sorted([*self.best, kept], key=lambda snapshot: (-snapshot.val_accuracy, snapshot.epoch))
        self.best = ranked[: self.config.evaluation.top_k]

    def result(self, test: bool, held_out: bool = False) -> TrainResult:
        """Return the result of the finished training, tested and scored now if that was not done before."""
        if test and not self.tested:
            self.tested = self._test()
        if held_out and not self.held_out:
            self.held_out = self._score_held_out()
        best = self.best[0]
        return TrainResult(
            best_epoch=best.epoch,
            best_val_accuracy=best.val_accuracy,
            ensemble_epochs=tuple(snapshot.epoch for snapshot in self.best),
            inner_rates=rate_table(self.config, best.weights, self.learner.adapted),
            seconds=math.fsum(epoch.seconds for epoch in self.history),
            **(self.tested if test else {}),
            **(self.held_out if held_out else {}),
        )

    def _score_held_out(self) -> dict[str, Any]:
        seen = self.config.evaluation.val_tasks
        with arithmetic(self.config):
            found = evaluate(
                self.learner, self.best[:1], self.streams["val"], HELD_OUT * seen, self.evaluated_at_once, first=seen
            )
        scores = found[self.config.norm.queries][0]
        return {
            "held_out_accuracy": scores.mean_accuracy,
            "held_out_accuracy_se": scores.standard_error,
            "held_out_tasks": HELD_OUT * seen,
        }

    def _test(self) -> dict[str, Any]:
        tasks, queries = self.config.evaluation.test_tasks, self.config.norm.queries
        with arithmetic(self.config):
            found = evaluate(
                self.learner, self.best, self.streams["test"], tasks, self.evaluated_at_once, ("batch", "running")
            )
        single, ensemble = found[queries][0], found[queries][-1]
        return {
            "test_accuracy": single.mean_accuracy,
            "test_accuracy_se": single.standard_error,
            "ensemble_test_accuracy": ensemble.mean_accuracy,
            "ensemble_test_accuracy_se": ensemble.standard_error,
            "test_per_task": tuple(single.accuracy.tolist()),
            "ensemble_test_per_task": tuple(ensemble.accuracy.tolist()),
            "audit": {
                f"{norm_mode}.top{count}": scores.accuracy.tolist()
                for norm_mode, by_size in found.items()
                for count, scores in enumerate(by_size, start=1)
            },
        }

    def final_state(self) -> State:
        """Return what is stored of a finished training: its history, the weights of the k best epochs, the scores at
        the end.
        """
        return {
            "history": [asdict(epoch) for epoch in self.history],
            "best": [vars(snapshot) for snapshot in self.best],
            "tested": {name: list(v) if isinstance(v, tuple) else v for name, v in self.tested.items()},
            "held_out": self.held_out,
        }

    def state(self) -> State:
        """Return the state for `restore`."""
        return self.final_state() | self._training_state()

    def _training_state(self) -> State:
        return {
            "weights": _copy(self.weights),
            "statistics": _copy(self.statistics.values),
            "optimizer": self.optimizer.state(),
        }

    def _go_back(self, state: State) -> None:
        """Restore a `_training_state`."""
        with torch.no_grad():
            for name, weight in self.weights.items():
                weight.copy_(state["weights"][name])
            for name, value in self.statistics.values.items():
                value.copy_(state["statistics"][name])
        self.optimizer.restore(state["optimizer"])

    def restore(self, state: State | None) -> None:
        """Restore a saved state; None leaves the run at its start."""
        if state is None:
            return
        device = self.data.images.device
        self.history = [EpochResult(**epoch) for epoch in state["history"]]
        self.best = [
            Snapshot(s["epoch"], s["val_accuracy"], _copy(s["weights"], device), _copy(s["statistics"], device))
            for s in state["best"]
        ]
        self.tested = {name: tuple(v) if isinstance(v, list) else v for name, v in state["tested"].items()}
        self.held_out = dict(state.get("held_out", {}))  # earlier versions wrote none
        if "weights" in state:  # absent from a final state, which never trains on
            self._go_back(state)


def _copy(tensors: Weights, device: torch.device | None = None) -> Weights:
    return {name: tensor.detach().clone().to(device or tensor.device) for name, tensor in tensors.items()}
