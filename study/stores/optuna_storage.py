"""Optuna storage for a single writer: caches its own writes instead of reading them back."""

from __future__ import annotations

import copy
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from optuna.storages._cached_storage import _CachedStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.storages import RDBStorage


class SoleWriter(_CachedStorage):
    """Reads a trial once, and again after rare writes; Optuna's own cache rereads all unfinished trials on each access.

    A pruner reads after every epoch, and that costs more than the writes. The driver's lock ensures that no other
    mamlab process writes the study. Writes of other tools are seen after `forget`.
    """

    def __init__(self, backend: RDBStorage) -> None:
        super().__init__(backend)
        self._loaded: set[int] = set()
        self._stale: set[int] = set()
        self._held: dict[str, Any] | None = None
        self._drafting = False
        self._shown: Callable[[FrozenTrial], bool] | None = None
        self.check_file: Callable[[], None] = lambda: None
        """Raises StoreLost if the store's file is no longer the one that was opened."""

    def show_only(self, shown: Callable[[FrozenTrial], bool]) -> None:
        """Hide all trials but those `shown` from samplers, pruners and other readers."""
        self._shown = shown

    def every_trial(self, study_id: int) -> list[FrozenTrial]:
        """Return all trials by number, including hidden ones; do not modify them."""
        return super().get_all_trials(study_id, deepcopy=False)

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """Return the visible trials in `states`, by number."""
        if self._shown is None:
            return super().get_all_trials(study_id, deepcopy, states)
        trials = [trial for trial in super().get_all_trials(study_id, False, states) if self._shown(trial)]
        return copy.deepcopy(trials) if deepcopy else trials

    def get_best_trial(self, study_id: int) -> FrozenTrial:
        """Return the visible complete trial with the best value. Raises ValueError if there is none."""
        if self._shown is None:
            return super().get_best_trial(study_id)
        complete = self.get_all_trials(study_id, deepcopy=False, states=(TrialState.COMPLETE,))
        valued = {trial.number: trial.value for trial in complete if trial.value is not None}
        if not valued:
            raise ValueError("No trials are completed yet.")
        (direction,) = self.get_study_directions(study_id)
        best = (max if direction == StudyDirection.MAXIMIZE else min)(valued.values())
        return copy.deepcopy(next(trial for trial in complete if trial.value == best))

    def forget(self) -> None:
        """Reread unfinished trials on next access: a failed write may have reached the store after all."""
        self._loaded.clear()

    @contextmanager
    def holding_back(self) -> Iterator[dict[str, Any]]:
        """Collect a trial's system attributes in the yielded dict instead of writing them."""
        held: dict[str, Any] = {}
        self._held = held
        try:
            yield held
        finally:
            self._held = None

    @contextmanager
    def drafting(self) -> Iterator[None]:
        """Within the block, sampled parameters of a trial are not written."""
        self._drafting = True
        try:
            yield
        finally:
            self._drafting = False

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """Return a copy of a trial as last written."""
        if trial_id in self._stale or trial_id not in self._trial_id_to_study_id_and_number:
            return super().get_trial(trial_id)
        study_id, number = self._trial_id_to_study_id_and_number[trial_id]
        return copy.deepcopy(self._studies[study_id].trials[number])

    def set_trial_intermediate_value(self, trial_id: int, step: int, intermediate_value: float) -> None:
        """Write an intermediate value."""
        super().set_trial_intermediate_value(trial_id, step, intermediate_value)
        self._note(trial_id, "intermediate_values", step, intermediate_value)

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Write a user attribute."""
        super().set_trial_user_attr(trial_id, key, value)
        self._note(trial_id, "user_attrs", key, value)

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Write a system attribute, or collect it within `holding_back`."""
        if self._held is not None:
            self._held[key] = value
            return
        self._stale.add(trial_id)
        super().set_trial_system_attr(trial_id, key, value)

    def set_trial_param(
        self, trial_id: int, param_name: str, param_value_internal: float, distribution: BaseDistribution
    ) -> None:
        """Write a parameter, except within `drafting`."""
        if self._drafting:
            return
        self._stale.add(trial_id)
        study_id, _ = self._trial_id_to_study_id_and_number[trial_id]
        # Optuna would reject our parameter if another tool's trial has one of this name with another distribution.
        self._studies[study_id].param_distribution.setdefault(param_name, distribution)
        super().set_trial_param(trial_id, param_name, param_value_internal, distribution)

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        """Write a state; False if the trial should start running but was not waiting."""
        self._stale.add(trial_id)
        return super().set_trial_state_values(trial_id, state, values)

    def _note(self, trial_id: int, table: str, key: Any, value: Any) -> None:
        """Update the cached trial by replacing it with a copy: trials already returned stay unchanged."""
        study_id, number = self._trial_id_to_study_id_and_number[trial_id]
        trial = copy.copy(self._studies[study_id].trials[number])
        setattr(trial, table, {**getattr(trial, table), key: value})
        self._studies[study_id].trials[number] = trial

    def _read_trials_from_remote_storage(self, study_id: int) -> None:
        if study_id not in self._loaded:
            super()._read_trials_from_remote_storage(study_id)
            self._loaded.add(study_id)
        for trial_id in [*self._stale]:
            self._add_trials_to_cache(study_id, [self._backend.get_trial(trial_id)])
            self._stale.remove(trial_id)
