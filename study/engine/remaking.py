"""One of Optuna's trials made again from what MLflow's runs tell of it, as the driver had written it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from optuna.trial import TrialState, create_trial

from reports import records

from ..spec.config import StudyConfig
from ..spec.seed_groups import group_value, is_over
from .attributes import LABEL, OURS, PRESET, RESULT, RETRY_OF, STATE, STOPPED, VERDICT
from .plan import run_attributes, search_label
from .recorded import RecordedTrial
from .trial_end import runs_per_trial, trial_end

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FixedTrial, FrozenTrial

    from ..stores.optuna_storage import SoleWriter


class Remaker:
    """Makes the trials of one study again, in the order of their numbers.

    Args:
        study: Optuna's, with the search's pruner, whose notes are made again, too. The trials of lower numbers are in
            it.
        storage: that of the study.
        client: MLflow's.
        whole: when the complete trials ended (Unix seconds) that no pruner stopped, and their values.
    """

    def __init__(
        self, study: Study, storage: SoleWriter, client: Any, config: StudyConfig, whole: list[tuple[float, float]]
    ) -> None:
        self._study, self._storage, self._client = study, storage, client
        self._config, self._whole = config, whole

    def of_search(self, trial: RecordedTrial, drawn: FixedTrial, retry_of: int | None) -> FrozenTrial:
        """Return a trial of a search that `drawn` has the parameters of: ended, or waiting to go on."""
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
        """Return the trial of an ablation's training, or of a single training: ended, or waiting to go on."""
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
        """Report each epoch as it was, asking the pruner for what it remembers; how it judged is what the run's end
        says.
        """
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
        """Return the trial with its end, or set to wait if it has none."""
        results, runs = trial.results, runs_per_trial(self._config)
        if not is_over(results, runs, one_by_one=self._config.goes_seed_by_seed, stop=trial.stops):
            # One that was replaced ends, however far it was.
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
    """Return when the complete trials ended that no pruner stopped, and their values."""
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
