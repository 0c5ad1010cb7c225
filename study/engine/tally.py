"""Counts of a study's ended runs by state, skipped runs, and the best trial."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reports.statistics.finalists import by_held_out

from ..spec.config import StudyConfig
from ..spec.seed_groups import group_score
from .attributes import LABEL, STATE, STOPPED, held_out_of, stored_results
from .trial_end import TrialEnd, run_values

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


@dataclass(frozen=True)
class BestTrial:
    """A complete trial: its score, parameters, the validation values of its seeds, and its held-out score."""

    score: float
    label: str
    params: dict[str, Any]
    values: tuple[float, ...]
    held_out: float | None = None


class Tally:
    """Counts Optuna's trials; the caller leaves out superseded ones."""

    def __init__(self, config: StudyConfig) -> None:
        self._config = config
        self.counts: Counter[str] = Counter()
        """Ended runs by state."""
        self._best: list[BestTrial] = []
        """The best complete trials by their score, as many as are ranked by their held-out score."""
        self.skipped = 0
        """Runs of ended trials that were never trained."""

    @property
    def best(self) -> BestTrial | None:
        """The best complete trial, as a report ranks them."""
        placed = by_held_out(self._best, lambda trial: trial.held_out, self._config.metric.sign)
        return next(iter(placed or self._best), None)

    @property
    def best_score(self) -> float | None:
        """The best score of a trial; None if none is complete."""
        return self._best[0].score if self._best else None

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
            held_out = self._held_out_score(trial.user_attrs, len(values))
            self._note_best(BestTrial(trial.value, trial.user_attrs[LABEL], trial.params, values, held_out))

    def add_end(self, end: TrialEnd, attrs: Mapping[str, Any], params: dict[str, Any]) -> None:
        """Count the end of a trial with the user attributes `attrs`."""
        self.skipped += end.skipped
        if end.score is not None and not end.skipped:
            held_out = self._held_out_score(attrs, end.trained)
            self._note_best(BestTrial(end.score, attrs[LABEL], params, end.values, held_out))

    def _note_best(self, found: BestTrial) -> None:
        sign, few = self._config.metric.sign, max(1, self._config.finalists)
        self._best = sorted([*self._best, found], key=lambda trial: -sign * trial.score)[:few]

    def _held_out_score(self, attrs: Mapping[str, Any], runs: int) -> float | None:
        values = held_out_of(attrs, runs) if self._config.finalists else []
        return group_score(values, self._config.study.score) if values else None
