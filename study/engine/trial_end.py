"""The end of a trial: its state and score from the results of its runs, and writing them to Optuna."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports import records

from ..spec.config import StudyConfig
from ..spec.seed_groups import Results, group_value
from .attributes import STATE, STOPPED

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial, TrialState

    from ..stores.optuna_storage import SoleWriter


@dataclass(frozen=True)
class TrialEnd:
    """The end of a trial: `state` is that of its first run that is not complete; `score` is None unless all are."""

    state: str
    score: float | None
    trained: int
    """Number of trained runs."""
    skipped: int
    """Number of runs not trained, because one failed or the trial was pruned between seeds."""
    values: tuple[float, ...] = ()
    """What its complete runs reached on validation data."""

    @property
    def stopped(self) -> bool:
        """Whether the trial was pruned between seeds."""
        return self.score is not None and self.skipped > 0

    @property
    def optuna_state(self) -> TrialState:
        """Optuna's state."""
        from optuna.trial import TrialState

        ends = {records.COMPLETE: TrialState.COMPLETE, records.PRUNED: TrialState.PRUNED}
        return ends.get(self.state, TrialState.FAIL)

    def value(self, trial: FrozenTrial) -> float | None:
        """Return the trial's value in Optuna; for a pruned one, the last reported value, as with Optuna's `tell`."""
        if self.state != records.PRUNED or not trial.intermediate_values:
            return self.score
        last = trial.intermediate_values[max(trial.intermediate_values)]
        return None if math.isnan(last) else last


def runs_per_trial(config: StudyConfig) -> int:
    """Return how many runs a trial has unless it is stopped."""
    return len(config.seeds) if config.kind == "search" else 1


def trial_end(results: Results, config: StudyConfig, best: float | None = None) -> TrialEnd:
    """Return the end of a trial with these `results`; `best` is the best score of a trial that was not pruned.

    What was stopped for being worse cannot be the best: its score is no better than `best`.
    """
    state = next((state for state, _ in results.values() if state != records.COMPLETE), records.COMPLETE)
    sign = config.metric.sign
    score, skipped = group_value(results, config.study.score, sign), runs_per_trial(config) - len(results)
    if score is not None and skipped and best is not None:
        score = sign * min(sign * score, sign * best)
    return TrialEnd(state, score, len(results), skipped, run_values(results))


def run_values(results: Results) -> tuple[float, ...]:
    """Return what a trial's complete runs reached on validation data."""
    return tuple(value for state, value in results.values() if state == records.COMPLETE and value is not None)


def end_trial(storage: SoleWriter, trial_id: int, end: TrialEnd) -> None:
    """Write the end of a trial to Optuna. Raises UpdateFinishedTrialError if it has already ended."""
    storage.set_trial_user_attr(trial_id, STATE, end.state)
    if end.stopped:
        storage.set_trial_user_attr(trial_id, STOPPED, end.trained)
    value = end.value(storage.get_trial(trial_id))
    storage.set_trial_state_values(trial_id, end.optuna_state, None if value is None else [value])
