"""Opens both stores of a study for its driver, rebuilding what is missing in one from the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..spec.config import StudyConfig
from ..stores.connect import open_mlflow, open_optuna
from ..stores.home import Home
from .home_watch import HomeWatch
from .journal import Journal
from .limits import SpendingLimits
from .rebuilding import rebuild
from .recorder import Recorder
from .tracking import Tracking
from .trials import Trials


@dataclass(frozen=True)
class Opened:
    """The opened stores of a study, and what its earlier starts left there."""

    recorder: Recorder
    limits: SpendingLimits
    troubles: list[str]
    """One line for each earlier run with a problem."""
    enqueued: Sequence[str]
    """Names of the configs that this start enqueued, in a search."""
    reused: int
    """Number of ended runs with results of an earlier training."""


def open_recorder(config: StudyConfig, home: Home, watch: HomeWatch, checksum: str) -> Opened:
    """Open both stores; rebuild trials missing in Optuna, and mark ended runs missing in MLflow to run again.

    Raises StoreUnreachable, StudyChanged.
    """
    with watch.guard():
        storage, client = open_optuna(home), open_mlflow(home)
        rebuilt = rebuild(storage, client, home, config, checksum)
        trials = Trials(storage, config, checksum)
        tracking = Tracking(client, home, config, checksum, trials.experiment_id)
        tracking.notes += filter(None, [rebuilt])
        if lost := tracking.runs.lacking(trials.ended_runs):
            trials.replace({trial for trial, _ in lost})
            trials = Trials(storage, config, checksum)
            many = "1 ended run was" if len(lost) == 1 else f"{len(lost)} ended runs were"
            tracking.notes.append(
                f"{many} missing in MLflow: restored from checkpoints, or retrained where there is no checkpoint"
            )
        trials.experiment_id = tracking.experiment_id
        tracking.start(trials.open_runs, trials.not_ours)
        recorder = Recorder(trials, tracking, Journal(home.journal / f"{config.study.name}.jsonl"), watch)
    limits = SpendingLimits(config.budget, config.execution, tracking.spent, tracking.earlier_seconds)
    return Opened(recorder, limits, tracking.troubles, trials.enqueued, tracking.reused)
