"""A study's trials as recorded in MLflow, to rebuild them in Optuna."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from optuna.trial import FixedTrial
from pydantic import ValidationError

from reports import records
from reports.data.mlflow_runs import ALL, key_of, metric_of, runs_where
from trainers.errors import InputError

from ..spec.config import StudyConfig
from ..spec.seed_groups import Results
from .plan import StudyChanged

if TYPE_CHECKING:
    from mlflow.entities import Run


@dataclass(frozen=True)
class RecordedTrial:
    """One trial with its `runs` by seed. If `counts` is False, it is superseded."""

    number: int
    runs: Mapping[int, Run]
    counts: bool

    @property
    def first(self) -> Run:
        """The run of its first seed; every run carries the trial's tags."""
        return self.runs[min(self.runs)]

    @property
    def preset(self) -> str | None:
        """Its name in [study] enqueue; None if it was sampled."""
        found: str | None = self.first.data.tags.get(records.TAG_PRESET)
        return found

    @property
    def planned(self) -> tuple[str | None, int]:
        """Arm and seed, in an ablation or a single training."""
        tags = self.first.data.tags
        return tags.get(records.TAG_ARM), int(tags[records.TAG_SEED])

    @property
    def results(self) -> Results:
        """Seed -> state and score of the ended runs."""
        found = {seed: _result(run) for seed, run in sorted(self.runs.items())}
        return {seed: result for seed, result in found.items() if result is not None}

    @property
    def held_out(self) -> dict[int, float]:
        """Seed -> accuracy on held-out tasks, of the ended runs that have one."""
        metrics = {seed: self.runs[seed].data.metrics for seed in self.results}
        name = records.HELD_OUT_ACCURACY
        return {seed: own[name] for seed, own in metrics.items() if name in own}

    @property
    def stops(self) -> bool:
        """Whether a pruner stopped it after one of its seeds."""
        return any(records.TAG_STOPS_TRIAL in run.data.tags for run in self.runs.values())

    @property
    def began(self) -> float:
        """Start of its first run, in Unix seconds."""
        return float(min(run.info.start_time for run in self.runs.values())) / 1000

    @property
    def ended(self) -> float:
        """End of its last run, in Unix seconds."""
        return float(max(run.info.end_time or run.info.start_time for run in self.runs.values())) / 1000

    def drawn(self, config: StudyConfig) -> FixedTrial | None:
        """Return the trial with its sampled parameters and distributions; None if its settings are not recorded.

        Raises StudyChanged if the settings are not in the search space of `config`.
        """
        recorded = self.first.data.params
        if not recorded:
            return None
        assert config.space is not None
        where = f'study "{config.study.name}", run "{self.first.info.run_name}" ({self.first.info.run_id})'
        try:
            fixed = FixedTrial(
                config.space.params_of(config.method.from_settings(recorded), config.base_tree), self.number
            )
        except (InputError, ValidationError) as error:
            raise StudyChanged(
                f"{where}: its settings in MLflow are outside the spec's search space: {error}"
            ) from None
        now = config.method.settings(config.space.suggest(fixed, config.base_tree)[0])
        other = [
            path
            for path in sorted(now.keys() - config.method.machine)
            if recorded.get(path, str(now[path])) != str(now[path])
        ]
        if other:
            changed = ", ".join(f"{path} = {recorded[path]}, but the spec gives {now[path]}" for path in other)
            raise StudyChanged(
                f"{where}: it is in MLflow with {changed}; undo the change in the spec, or give the study a new name"
            )
        return fixed

    def history(self, client: Any) -> dict[int, float]:
        """Return the values on validation data of its first run by epoch."""
        points = client.get_metric_history(self.first.info.run_id, metric_of(self.first.data.tags).validation)
        return {point.step: point.value for point in sorted(points, key=lambda point: int(point.step))}


def _result(run: Run) -> tuple[str, float | None] | None:
    """Return the state and score of a run; None if it has not ended, or its result is missing."""
    score = run.data.metrics.get(metric_of(run.data.tags).best_validation)
    state = run.data.tags.get(records.TAG_STATE)
    if state not in records.ENDED or (state == records.COMPLETE and score is None):
        return None
    return state, score if state == records.COMPLETE else None


def read_recorded(client: Any, experiment_id: str) -> dict[int, RecordedTrial]:
    """Return the trials of an experiment by number, including those of deleted runs that have ended (restorable)."""
    kept: dict[bool, dict[int, dict[int, Run]]] = {True: {}, False: {}}
    for run in sorted(runs_where(client, [experiment_id], view=ALL), key=_completeness):
        role = run.data.tags.get(records.TAG_ROLE)
        deleted = run.info.lifecycle_stage != "active"
        if role in (records.ROLE_RUN, records.ROLE_SUPERSEDED) and not (deleted and _result(run) is None):
            number, seed = key_of(run)
            kept[role == records.ROLE_RUN].setdefault(number, {})[seed] = run
    return {
        number: RecordedTrial(number, runs, counts) for counts in (False, True) for number, runs in kept[counts].items()
    }


def _completeness(run: Run) -> tuple[bool, bool, int]:
    """Sort key for the runs of one trial and seed: the most complete is last."""
    return run.info.lifecycle_stage == "active", _result(run) is not None, -run.info.start_time


def last_number(client: Any, experiment_id: str) -> int:
    """Return the highest trial number that has a run, -1 if there are no runs."""
    where = f"tags.{records.TAG_ROLE} != '{records.ROLE_SUMMARY}'"
    found = client.search_runs([experiment_id], where, ALL, 1, [f"tags.{records.TAG_TRIAL} DESC"])
    return max((int(run.data.tags.get(records.TAG_TRIAL, -1)) for run in found), default=-1)
