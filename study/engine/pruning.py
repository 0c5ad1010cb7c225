"""The pruner's verdicts on trials: asked once per step, stored, then reported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .attributes import VERDICT
from .ended_elsewhere import EndedElsewhere

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial

    from ..stores.optuna_storage import SoleWriter


class PruningDecisions:
    """The last verdict on each open trial, and its reported steps."""

    def __init__(self, study: Study, storage: SoleWriter, ended_elsewhere: EndedElsewhere) -> None:
        self._study, self._storage, self._ended_elsewhere = study, storage, ended_elsewhere
        self._last: dict[int, tuple[int, bool, dict[str, Any]]] = {}
        self._reported: dict[int, set[int]] = {}

    def open(self, trial: FrozenTrial) -> None:
        """Read a trial's stored verdict and steps."""
        step, stop, *notes = trial.user_attrs.get(VERDICT, (0, False))
        self._last[trial.number] = (step, stop, notes[0] if notes else {})
        self._reported[trial.number] = set(trial.intermediate_values)

    def close(self, number: int) -> None:
        """Forget a trial that has ended."""
        self._last.pop(number, None)
        self._reported.pop(number, None)

    def stops_at(self, number: int, step: int) -> bool:
        """Whether the last verdict is about `step` and stops the trial."""
        judged, stop, _ = self._last[number]
        return stop and judged == step

    def judge(self, trial: Trial, step: int, value: float, *, unasked: bool, answered: bool = False) -> bool:
        """Store the verdict on a step of a trial, then report the step; return whether the trial stops.

        `unasked`: continue without asking the pruner. `answered`: the worker was already answered "go".
        """
        number = trial.number
        if step in self._reported[number]:
            return self.stops_at(number, step)
        judged, stop, notes = self._last[number]
        if judged != step:
            stop, notes = (False, {}) if unasked else self._ask(trial, step, value)
        stop = stop and not answered
        with self._ended_elsewhere.recording(number):
            if stop or notes or answered:
                trial.set_user_attr(VERDICT, [step, stop, notes])
                self._last[number] = (step, stop, notes)
            for key, noted in notes.items():
                self._storage.set_trial_system_attr(trial._trial_id, key, noted)
            trial.report(value, step)
        self._reported[number].add(step)
        return stop

    def _ask(self, trial: Trial, step: int, value: float) -> tuple[bool, dict[str, Any]]:
        """Ask the pruner as if the step were reported; return its verdict and its notes on the trial.

        Because of these notes, some pruners answer differently when asked twice, so they are stored with the verdict.
        """
        frozen = self._storage.get_trial(trial._trial_id)
        frozen.intermediate_values[step] = value
        with self._storage.holding_back() as notes:
            stop = bool(self._study.pruner.prune(self._study, frozen))
        return stop, notes
