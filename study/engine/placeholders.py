"""Placeholders in a rebuilt study for trials without a run in MLflow, so that the other trials keep their numbers."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState, create_trial

from search_spaces.portfolio import portfolio_of

from ..spec.config import StudyConfig
from .attributes import OURS, PLACEHOLDER, PRESET, RETRY_OF
from .foreign_trials import is_ours
from .plan import planned_fingerprint, planned_runs, run_attributes
from .recorded_trials import RecordedTrial

if TYPE_CHECKING:
    from optuna.trial import FixedTrial, FrozenTrial

Drawn = Mapping[int, "FixedTrial | None"]
"""Sampled parameters of a search's trials, by number; None if missing in MLflow."""


class Placeholders:
    """Makes placeholders: a trial that the plan still needs, waiting to run; otherwise an empty failed trial.

    Args:
        there: Optuna's trials, which have the lower numbers.
        superseded: numbers of superseded trials.
        recorded: trials in MLflow that Optuna lacks, by number.
        drawn: their sampled parameters, in a search.
    """

    def __init__(
        self, config: StudyConfig, checksum: str, there: Sequence[FrozenTrial], superseded: set[int],
        recorded: Mapping[int, RecordedTrial], drawn: Drawn,
    ) -> None:  # fmt: skip
        self._config, self._checksum = config, checksum
        self.superseded = superseded
        self.retry_of: dict[int, int] = {}
        """In a search: number -> number of the trial that it replaces."""
        self.forgotten: set[int] = set()
        """Numbers of superseded trials that are not repeated, because another tool ended them."""
        ours = [one for one in there if is_ours(one)]
        counting = [one.user_attrs for one in ours if one.number not in superseded]
        started = [trial for trial in recorded.values() if trial.counts]
        self._room: float = math.inf
        if config.kind == "search":
            if config.budget.trials is not None:
                self._room = config.budget.trials - len(counting) - len(started)
            self._find_retries(ours, drawn)
            known = {one.user_attrs.get(PRESET) for one in there} | {trial.preset for trial in recorded.values()}
            missing = [name for name in config.enqueued if name not in known]
            begun = any(map(portfolio_of, known))  # else an earlier version started it, without the portfolio
            self._enqueued = deque(name for name in missing if begun or not portfolio_of(name))
        else:
            done = {(one["arm"], one["seed"]) for one in counting} | {trial.planned for trial in started}
            self._planned = deque(pair for pair in planned_runs(config) if pair not in done)

    def make(self, number: int, trial: RecordedTrial | None) -> FrozenTrial:
        """Return the placeholder for trial `number`; `trial` is its record without settings, if there is one."""
        if number in self.forgotten:
            return create_trial(state=TrialState.FAIL, user_attrs={PLACEHOLDER: True})
        if self._config.kind == "search":
            return self._to_draw(trial)
        if self._planned:
            arm, seed = self._planned.popleft()
            fingerprint = planned_fingerprint(self._config, arm, seed, self._checksum)
            return waiting(run_attributes(self._config, arm, seed, fingerprint), {"fixed_params": {}})
        return create_trial(state=TrialState.FAIL, user_attrs={PLACEHOLDER: True})

    def _to_draw(self, trial: RecordedTrial | None) -> FrozenTrial:
        preset = trial.preset if trial else self._enqueued.popleft() if self._enqueued else None
        if preset in self._config.enqueued:
            return waiting({PRESET: preset}, {"fixed_params": self._config.enqueued[preset]})
        if trial is None and self._room <= 0:
            return create_trial(state=TrialState.FAIL, user_attrs={PLACEHOLDER: True})
        self._room -= trial is None
        return waiting({OURS: True}, {})

    def _find_retries(self, ours: Sequence[FrozenTrial], drawn: Drawn) -> None:
        """Match superseded trials with later ones of the same parameters; drop those that exceed the plan."""
        new = {number: trial.params for number, trial in drawn.items() if trial is not None}
        params = {one.number: one.params for one in ours} | new
        done = {one.user_attrs.get(RETRY_OF) for one in ours}
        for old in sorted(self.superseded - done):
            later = [
                one for one in sorted(new) if one > old and one not in self.retry_of and new[one] == params.get(old)
            ]
            if later:
                self.retry_of[later[0]] = old
            elif self._room > 0 and old in params:
                self._room -= 1
            elif old not in {one.number for one in ours}:
                self.forgotten.add(old)
        self.superseded -= self.forgotten


def waiting(user_attrs: dict[str, Any], system_attrs: dict[str, Any]) -> FrozenTrial:
    """Return a waiting trial like Optuna's `enqueue_trial`."""
    return create_trial(state=TrialState.WAITING, user_attrs=user_attrs, system_attrs=system_attrs)
