"""Results of a training: one per epoch, and one at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class EpochResult:
    """Result of one epoch. Accuracies are means over tasks, in [0, 1]; losses are cross-entropies in nats.

    Attributes:
        epoch: number of the epoch, from 1.
        train_loss: mean meta-loss over the epoch's iterations.
        train_accuracy: mean accuracy on the training tasks' queries after the last inner step.
        val_loss, val_accuracy: on the fixed validation tasks.
        val_accuracy_se: standard error of val_accuracy over tasks.
        outer_lr: outer learning rate during the epoch.
        seconds: wall time of the epoch, validation included.
        tasks_per_second: training tasks a second.
        finished_at: Unix time of the epoch's end, in seconds.
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float
    val_accuracy_se: float
    outer_lr: float
    seconds: float
    tasks_per_second: float
    finished_at: float

    @property
    def value(self) -> float:
        """The value that a search optimises."""
        return self.val_accuracy

    @property
    def metrics(self) -> dict[str, float]:
        """All numbers by the names that MLflow has them under."""
        own = {name: value for name, value in vars(self).items() if name not in ("epoch", "seconds", "finished_at")}
        return own | {"epoch_seconds": self.seconds}


@dataclass(frozen=True)
class TrainResult:
    """Result of a whole training. Test fields are None or empty when it was not tested.

    Attributes:
        best_epoch: the epoch with the highest validation accuracy (the first of equals).
        best_val_accuracy: that accuracy, in [0, 1].
        ensemble_epochs: the top-k epochs by validation accuracy, best first.
        test_accuracy, test_accuracy_se: the best epoch's on the test tasks, and its standard error over tasks.
        ensemble_test_accuracy, ensemble_test_accuracy_se: those of the mean of the top-k epochs' logits.
        test_per_task, ensemble_test_per_task: accuracy of each test task.
        audit: the same of every ensemble size and way to normalise queries, by name: "batch.top1", "running.top3", ...
        inner_rates: each adapted weight's rate at each inner step, of the best epoch.
        held_out_accuracy, held_out_accuracy_se: the best epoch's on `held_out_tasks` further validation tasks, which no
            epoch was validated on, and its standard error over tasks. None when it was not scored on them.
        seconds: wall time of all epochs.
    """

    best_epoch: int
    best_val_accuracy: float
    ensemble_epochs: tuple[int, ...]
    inner_rates: dict[str, list[float]]
    seconds: float
    test_accuracy: float | None = None
    test_accuracy_se: float | None = None
    ensemble_test_accuracy: float | None = None
    ensemble_test_accuracy_se: float | None = None
    test_per_task: tuple[float, ...] = ()
    ensemble_test_per_task: tuple[float, ...] = ()
    audit: dict[str, list[float]] = field(default_factory=dict)
    held_out_accuracy: float | None = None
    held_out_accuracy_se: float | None = None
    held_out_tasks: int | None = None

    @property
    def value(self) -> float:
        """The value that a search optimises: that of the best epoch."""
        return self.best_val_accuracy

    @property
    def metrics(self) -> dict[str, float]:
        """All numbers that it has, by the names that MLflow has them under."""
        return {name: value for name, value in vars(self).items() if isinstance(value, int | float)}


@dataclass(frozen=True)
class MethodEpoch:
    """Result of one epoch of another method: its metric `name` on validation data, and further numbers."""

    epoch: int
    name: str
    value: float
    seconds: float
    finished_at: float
    shown: Mapping[str, float] = field(default_factory=dict)

    @property
    def metrics(self) -> dict[str, float]:
        """All numbers by the names that MLflow has them under."""
        return {**self.shown, f"val_{self.name}": self.value, "epoch_seconds": self.seconds}


@dataclass(frozen=True)
class MethodResult:
    """Result of a whole training of another method, by its metric `name`: the best epoch, and test results."""

    name: str
    best_epoch: int
    value: float
    seconds: float
    test: float | None = None
    test_per_task: Sequence[float] = ()

    @property
    def held_out_accuracy(self) -> None:
        """Only MAML++ is scored on held-out validation tasks."""
        return None

    @property
    def metrics(self) -> dict[str, float]:
        """All numbers that it has, by the names that MLflow has them under."""
        found = {f"best_val_{self.name}": self.value, "best_epoch": self.best_epoch, "seconds": self.seconds}
        return found if self.test is None else {**found, f"test_{self.name}": self.test}


AnyEpoch = EpochResult | MethodEpoch
AnyResult = TrainResult | MethodResult


def epochs_in(state: Mapping[str, Any]) -> list[AnyEpoch]:
    """Return the epochs in a checkpoint's state."""
    return [MethodEpoch(**tree) if "value" in tree else EpochResult(**tree) for tree in state["history"]]
