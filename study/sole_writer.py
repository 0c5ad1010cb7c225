"""Optuna's storage as its only writer sees it: what it wrote it knows, and does not read again."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from optuna.storages._cached_storage import _CachedStorage

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.storages import RDBStorage
    from optuna.trial import FrozenTrial, TrialState


class SoleWriter(_CachedStorage):
    """Optuna's own cache reads all unfinished trials at every question; this one reads a trial once, and after rare writes.

    A pruner asks after every epoch, and reading costs it more than writing. No other process may write the study
    meanwhile: the driver's lock sees to that.
    """

    def __init__(self, backend: RDBStorage) -> None:
        super().__init__(backend)
        self._loaded: set[int] = set()
        self._stale: set[int] = set()
        self._held: dict[str, Any] | None = None
        self._drafting = False

    def forget(self) -> None:
        """Read again what is unfinished: a write that failed may have reached the store nevertheless."""
        self._loaded.clear()

    @contextmanager
    def holding_back(self) -> Iterator[dict[str, Any]]:
        """Collect the attributes of Optuna that the block would write of a trial, instead of writing them."""
        held: dict[str, Any] = {}
        self._held = held
        try:
            yield held
        finally:
            self._held = None

    @contextmanager
    def drafting(self) -> Iterator[None]:
        """Let the block draw parameters of a trial without writing them."""
        self._drafting = True
        try:
            yield
        finally:
            self._drafting = False

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """Return a trial as it was last written, for the caller to keep."""
        if trial_id in self._stale or trial_id not in self._trial_id_to_study_id_and_number:
            return super().get_trial(trial_id)
        study_id, number = self._trial_id_to_study_id_and_number[trial_id]
        return copy.deepcopy(self._studies[study_id].trials[number])

    def set_trial_intermediate_value(self, trial_id: int, step: int, intermediate_value: float) -> None:
        """Write the value of a step."""
        super().set_trial_intermediate_value(trial_id, step, intermediate_value)
        self._note(trial_id, "intermediate_values", step, intermediate_value)

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Write an attribute of the user."""
        super().set_trial_user_attr(trial_id, key, value)
        self._note(trial_id, "user_attrs", key, value)

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Write an attribute of Optuna, or hold it back."""
        if self._held is not None:
            self._held[key] = value
            return
        self._stale.add(trial_id)
        super().set_trial_system_attr(trial_id, key, value)

    def set_trial_param(
        self, trial_id: int, param_name: str, param_value_internal: float, distribution: BaseDistribution
    ) -> None:
        """Write a parameter, unless it is only drafted."""
        if self._drafting:
            return
        self._stale.add(trial_id)
        super().set_trial_param(trial_id, param_name, param_value_internal, distribution)

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        """Write a state; False if the trial was to run and did not wait."""
        self._stale.add(trial_id)
        return super().set_trial_state_values(trial_id, state, values)

    def _note(self, trial_id: int, table: str, key: Any, value: Any) -> None:
        """Put what was written into a new copy of the trial: one that was handed out stays as it was."""
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
