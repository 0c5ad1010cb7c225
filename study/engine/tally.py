"""What has ended of a study: runs by state, the best trial, runs that were skipped."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from ..spec.config import StudyConfig
from .attributes import LABEL, STATE, STOPPED, stored_results
from .trial_end import TrialEnd

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


class Tally:
    """Counts from Optuna's side; superseded trials are left out by the caller."""

    def __init__(self, config: StudyConfig) -> None:
        self._config = config
        self.counts: Counter[str] = Counter()
        """Ended runs by state."""
        self.best: tuple[float, str, dict[str, Any]] | None = None
        """Score, label and parameters of the best trial that is complete."""
        self.skipped = 0
        """Runs of ended trials that were not trained."""

    @property
    def best_score(self) -> float | None:
        """The score of the best trial; None before one is complete."""
        return self.best[0] if self.best else None

    def add_stored(self, trial: FrozenTrial) -> None:
        """Count a trial of an earlier start, as far as it got."""
        from optuna.trial import TrialState

        results, ended = stored_results(trial), trial.state.is_finished()
        self.counts.update(state for state, _ in results.values())
        if ended and not results:
            self.counts[trial.user_attrs[STATE]] += 1
        if ended and self._config.goes_seed_by_seed:
            self.skipped += len(self._config.seeds) - len(results)
        if trial.state == TrialState.COMPLETE and STOPPED not in trial.user_attrs:
            assert trial.value is not None
            self._note_best(trial.value, trial.user_attrs[LABEL], trial.params)

    def add_end(self, end: TrialEnd, label: str, params: dict[str, Any]) -> None:
        """Count the end of a trial."""
        self.skipped += end.skipped
        if end.score is not None and not end.skipped:
            self._note_best(end.score, label, params)

    def _note_best(self, score: float, label: str, params: dict[str, Any]) -> None:
        if self.best is None or score > self.best[0]:
            self.best = (score, label, params)
