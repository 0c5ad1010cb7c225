"""Recreates single Optuna trials from MLflow's runs, as the driver had written them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState, create_trial

from reports import records

from ..spec.config import StudyConfig
from ..spec.seed_groups import group_value, is_over
from .attributes import HELD_OUT, LABEL, OURS, PRESET, RESULT, RETRY_OF, STATE, STOPPED, VERDICT
from .plan import run_attributes, search_label
from .recorded_trials import RecordedTrial
from .trial_end import runs_per_trial, trial_end

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FixedTrial, FrozenTrial

    from ..stores.optuna_storage import SoleWriter


class TrialRebuilder:
    """Recreates the trials of one study, in order of number.

    Args:
        study: the Optuna study, with the trials of lower numbers, and with its pruner to recreate its notes.
        storage: the study's storage.
        client: the MLflow client.
        whole: end time (Unix seconds) and value of the complete trials that were not stopped early.
    """

    def __init__(
        self, study: Study, storage: SoleWriter, client: Any, config: StudyConfig, whole: list[tuple[float, float]]
    ) -> None:
        self._study, self._storage, self._client = study, storage, client
        self._config, self._whole = config, whole

    def of_search(self, trial: RecordedTrial, drawn: FixedTrial, retry_of: int | None) -> FrozenTrial:
        """Return a search's trial with the parameters of `drawn`: ended, or waiting to resume."""
        attrs = {
            OURS: True, PRESET: trial.preset, RETRY_OF: retry_of,
            LABEL: search_label(trial.number, drawn.params, trial.preset),
        }  # fmt: skip
        known = {name: value for name, value in attrs.items() if value is not None}
        made = create_trial(
            state=TrialState.RUNNING, params=drawn.params, distributions=drawn.distributions, user_attrs=known
        )
        made.number = trial.number
        if len(self._config.seeds) > 1:
            self._report_seeds(made, trial)
        else:
            self._report_epochs(made, trial)
        return self._ended(made, trial)

    def of_planned(self, trial: RecordedTrial) -> FrozenTrial:
        """Return the trial of an ablation's training, or of a single training: ended, or waiting to resume."""
        attrs = run_attributes(self._config, *trial.planned, trial.first.data.tags[records.TAG_CELL])
        made = create_trial(state=TrialState.RUNNING, user_attrs=attrs, system_attrs={"fixed_params": {}})
        return self._ended(made, trial)

    def _report_seeds(self, made: FrozenTrial, trial: RecordedTrial) -> None:
        for seed, (state, score) in trial.results.items():
            made.user_attrs[f"{RESULT}{seed}"] = [state, score]
            step = self._config.seeds.index(seed) + 1
            if self._config.goes_seed_by_seed and score is not None:
                made.intermediate_values[step] = score
            if trial.stops and step == len(trial.results):
                made.user_attrs[VERDICT] = [step, True, {}]

    def _report_epochs(self, made: FrozenTrial, trial: RecordedTrial) -> None:
        """Report each epoch again, with the pruner's notes; whether it pruned the run is taken from the run's end."""
        history = trial.history(self._client)
        pruned = any(state == records.PRUNED for state, _ in trial.results.values())
        method = self._config.method
        epochs = method.epochs(method.from_settings(trial.first.data.params)) if trial.first.data.params else 0
        for step, value in history.items():
            made.intermediate_values[step] = value
            notes = self._noted(made) if step < epochs else {}
            stop = pruned and step == max(history)
            if stop or notes:
                made.user_attrs[VERDICT] = [step, stop, notes]
            made.system_attrs |= notes

    def _noted(self, made: FrozenTrial) -> dict[str, Any]:
        with self._storage.holding_back() as notes:
            self._study.pruner.prune(self._study, made)
        return notes

    def _ended(self, made: FrozenTrial, trial: RecordedTrial) -> FrozenTrial:
        """Return the trial with its end, or waiting if it has not ended."""
        results, runs = trial.results, runs_per_trial(self._config)
        made.user_attrs |= {f"{HELD_OUT}{seed}": accuracy for seed, accuracy in trial.held_out.items()}
        if not is_over(results, runs, one_by_one=self._config.goes_seed_by_seed, stop=trial.stops):
            # A superseded trial ends, whatever its progress.
            results = {} if trial.counts else {0: (records.FAILED, None)}
        made.datetime_start = datetime.fromtimestamp(trial.began) if results else None
        if not results:
            made.state = TrialState.WAITING
            return made
        best = self._config.metric.best(score for ended, score in self._whole if ended <= trial.ended)
        end = trial_end(results, self._config, best)
        made.user_attrs |= {STATE: end.state} | ({STOPPED: end.trained} if end.stopped else {})
        made.state, made.datetime_complete = end.optuna_state, datetime.fromtimestamp(trial.ended)
        made.value = end.value(made)
        return made


def whole_trials(
    recorded: Mapping[int, RecordedTrial], there: list[FrozenTrial], config: StudyConfig
) -> list[tuple[float, float]]:
    """Return end time and value of the complete trials that were not stopped early."""
    found = [
        (one.datetime_complete.timestamp(), one.value)
        for one in there
        if one.state == TrialState.COMPLETE
        and STOPPED not in one.user_attrs
        and one.value is not None
        and one.datetime_complete
    ]
    for trial in recorded.values():
        value = group_value(trial.results, config.study.score, config.metric.sign) if trial.counts else None
        if value is not None and len(trial.results) == len(config.seeds):
            found.append((trial.ended, value))
    return found
