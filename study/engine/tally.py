"""Counts of a study's ended runs by state, skipped runs, and the best trial."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..spec.config import StudyConfig
from .attributes import LABEL, STATE, STOPPED, stored_results
from .trial_end import TrialEnd, run_values

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


@dataclass(frozen=True)
class BestTrial:
    """The best complete trial: its score, parameters, and the validation values of its seeds."""

    score: float
    label: str
    params: dict[str, Any]
    values: tuple[float, ...]


class Tally:
    """Counts Optuna's trials; the caller leaves out superseded ones."""

    def __init__(self, config: StudyConfig) -> None:
        self._config = config
        self.counts: Counter[str] = Counter()
        """Ended runs by state."""
        self.best: BestTrial | None = None
        """The best complete trial."""
        self.skipped = 0
        """Runs of ended trials that were never trained."""

    @property
    def best_score(self) -> float | None:
        """Score of the best trial; None if none is complete."""
        return self.best.score if self.best else None

    def add_stored(self, trial: FrozenTrial) -> None:
        """Count the ended runs of a trial from an earlier start."""
        from optuna.trial import TrialState

        results, ended = stored_results(trial), trial.state.is_finished()
        self.counts.update(state for state, _ in results.values())
        if ended and not results:
            self.counts[trial.user_attrs[STATE]] += 1
        if ended and self._config.goes_seed_by_seed:
            self.skipped += len(self._config.seeds) - len(results)
        if trial.state == TrialState.COMPLETE and STOPPED not in trial.user_attrs:
            assert trial.value is not None
            values = run_values(results) or (trial.value,)
            self._note_best(BestTrial(trial.value, trial.user_attrs[LABEL], trial.params, values))

    def add_end(self, end: TrialEnd, label: str, params: dict[str, Any]) -> None:
        """Count the end of a trial."""
        self.skipped += end.skipped
        if end.score is not None and not end.skipped:
            self._note_best(BestTrial(end.score, label, params, end.values))

    def _note_best(self, found: BestTrial) -> None:
        sign = self._config.metric.sign
        if self.best is None or sign * found.score > sign * self.best.score:
            self.best = found
