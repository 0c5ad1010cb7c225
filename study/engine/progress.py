"""What a study looks like at one moment: the driver hands it out, a display or a test reads it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from reports.metric import ACCURACY, Metric
from reports.records import EndState, Kind


@dataclass(frozen=True)
class RunningRow:
    """One run in progress. Accuracies are shares in [0, 1], `seconds` is wall-clock since it was dispatched."""

    label: str
    epoch: int
    """Finished epochs, 0 at first."""
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


Ending = tuple[RunningRow, EndState]
"""A run that has just ended, and how."""


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
    """Finished ones."""
    val_accuracy: float | None
    seconds: float

    @classmethod
    def of(cls, row: RunningRow, state: EndState) -> EndedRun:
        """Return the run that was last shown as `row`."""
        return cls(row.label, state, row.trial, row.arm, row.seed, row.epoch, row.best, row.seconds)


@dataclass(frozen=True)
class StudyProgress:
    """One study at one moment."""

    study: str
    kind: Kind
    planned: int
    """Runs (trainings) that the study wants in the end; 0 if only hours limit it."""
    counts: dict[str, int] = field(default_factory=dict)
    """Runs by state: those of `EndState`, and while live "running" and "waiting"; absent means 0."""
    running: tuple[RunningRow, ...] = ()
    just_ended: tuple[Ending, ...] = ()
    """The runs that ended since the progress before, and how."""
    metric: Metric = ACCURACY
    """What values are of."""
    best_label: str | None = None
    best_value: float | None = None
    """Best value on validation data (mean over the seeds of a trial) of a complete trial."""
    best_params: dict[str, Any] = field(default_factory=dict)
    elapsed: float = 0.0
    """Seconds since this call of the driver began."""
    remaining: float | None = None
    """Estimated seconds to the end; None while unknown."""
    finished: bool = False
    """True only for the last progress of a study whose plan is done."""
    interrupted: bool = False
    """True only for the last progress of a study that was stopped and can go on."""
    spent: str = ""
    """Which limit of [budget] ended the study before its plan was done, such as "[budget] hours = 2"."""
    paused: str = ""
    """Why no further run was started although some are left: the last runs failed alike; names them, and the error."""
    experiment_id: str = ""
    """MLflow's experiment."""
    doing: str = ""
    """What is done before the first run starts, such as "Reading 848 pictures"."""
    data_notes: tuple[str, ...] = ()
    """What the user should know of the data; told once, when the study starts."""
    messages: tuple[str, ...] = ()
    """The latest notices for the user (a run that failed, a worker that died), oldest first."""
    notes: tuple[str, ...] = ()
    """Notes about the stores, shown again when the study has ended; only in the last progress."""
    away: str = ""
    """Which store does not answer, since when, and what waits to be written; empty while both answer."""
    unsaved: str = ""
    """Of a study that was stopped: what no store and no file could take, and why; empty if all is kept."""
