"""The progress of a study at one moment, as the driver reports it to displays and callbacks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from reports.metric import ACCURACY, Metric
from reports.records import EndState, Kind


@dataclass(frozen=True)
class RunningRow:
    """One run in progress. Accuracies are in [0, 1]; `seconds` is wall-clock time since it was dispatched."""

    label: str
    epoch: int
    """Finished epochs."""
    epochs: int
    """Planned epochs."""
    value: float | None
    """Of the last finished epoch on validation data."""
    best: float | None
    seconds: float
    trial: int | None = None
    """Optuna's number."""
    arm: str | None = None
    """Of an ablation."""
    seed: int | None = None
    reused: bool = False
    """Whether the results are those of an earlier training."""


Ending = tuple[RunningRow, EndState]
"""A run that has just ended, and its state."""


@dataclass(frozen=True)
class EndedRun:
    """A run that has ended. `val_accuracy` is its best epoch's value on validation data, whatever the metric; `seconds`
    are wall-clock since it was dispatched.
    """

    label: str
    state: EndState
    trial: int | None
    arm: str | None
    seed: int | None
    epochs: int
    """Finished epochs."""
    val_accuracy: float | None
    seconds: float
    reused: bool = False
    """Whether the results are those of an earlier training, so that this run took no time."""

    @classmethod
    def of(cls, row: RunningRow, state: EndState) -> EndedRun:
        """Return the run that was last shown as `row`."""
        return cls(row.label, state, row.trial, row.arm, row.seed, row.epoch, row.best, row.seconds, row.reused)


@dataclass(frozen=True)
class StudyProgress:
    """One study at one moment."""

    study: str
    kind: Kind
    planned: int
    """Total number of planned runs (trainings); 0 if limited only by hours."""
    counts: dict[str, int] = field(default_factory=dict)
    """Number of runs by state: `EndState`, and while the study runs "running" and "waiting"; absent means 0."""
    running: tuple[RunningRow, ...] = ()
    just_ended: tuple[Ending, ...] = ()
    """Runs that ended since the previous progress."""
    reused: int = 0
    """Number of ended runs whose results are those of an earlier training."""
    metric: Metric = ACCURACY
    """What values are of."""
    best_label: str | None = None
    best_value: float | None = None
    """Best value on validation data (mean over the seeds of a trial) of a complete trial."""
    best_params: dict[str, Any] = field(default_factory=dict)
    elapsed: float = 0.0
    """Seconds since this start of the driver."""
    remaining: float | None = None
    """Estimated seconds to the end; None while unknown."""
    finished: bool = False
    """True only for the last progress of a study whose plan is done."""
    interrupted: bool = False
    """True only for the last progress of a study that was stopped and can be resumed."""
    spent: str = ""
    """The [budget] limit that ended the study before its plan was done, such as "[budget] hours = 2"."""
    paused: str = ""
    """Why no more runs start although some are left: the last runs failed with the same error; names runs and error."""
    experiment_id: str = ""
    """Id of the MLflow experiment."""
    doing: str = ""
    """Activity before the first run starts, such as "Reading 848 pictures"."""
    start_notes: tuple[str, ...] = ()
    """Notes on the data and on what a search tries first; reported once, when the study starts."""
    messages: tuple[str, ...] = ()
    """The latest messages for the user (a failed run, a dead worker), oldest first."""
    notes: tuple[str, ...] = ()
    """Notes about the stores; only in the last progress."""
    away: str = ""
    """Which database is unreachable (MLflow's or Optuna's), since when, and how many events are pending; else empty."""
    unsaved: str = ""
    """After a stop: what could be saved neither in its database nor in the journal, and why; else empty."""
