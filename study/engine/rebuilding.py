"""Rebuilds a study's trials in Optuna from MLflow's runs, if `optuna.db` was lost, set aside or is an old copy.

Trials are created in order of number, each in one transaction. Missing are those beyond Optuna's last number, so an
interrupted rebuild is completed by the next start.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports import records
from reports.data.experiments import find_experiment, parent_of
from trainers.errors import InputError

from ..spec.config import StudyConfig
from ..spec.writing import stored_spec
from ..stores.heartbeat import TAG, Heartbeat
from ..stores.home import Home
from .attributes import EXPERIMENT, FROZEN, SUPERSEDED
from .foreign_trials import is_others, is_ours
from .optuna_study import open_study
from .placeholders import Placeholders
from .plan import frozen_json, refuse_change
from .recorded_trials import RecordedTrial, last_number, read_recorded
from .trial_rebuilder import TrialRebuilder, whole_trials

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from ..stores.optuna_storage import SoleWriter


@dataclass(frozen=True)
class Lost:
    """What Optuna lacks of a study: `trials` in MLflow. `there` are Optuna's trials, `attrs` its study attributes."""

    experiment_id: str
    trials: dict[int, RecordedTrial]
    there: list[FrozenTrial]
    attrs: dict[str, Any]

    @property
    def runs(self) -> str:
        """How many runs MLflow has of the lost trials."""
        found = sum(len(trial.runs) for trial in self.trials.values())
        return f"MLflow's {found} runs" if found > 1 else "MLflow's 1 run"

    @property
    def summary(self) -> str:
        """What is lost, as a sentence without a period."""
        what = f"no trials from number {len(self.there)} on" if self.there else "no study of this name"
        return f"Optuna's database has {what}"


def find_lost(storage: SoleWriter, client: Any, study: str) -> Lost | None:
    """Return what Optuna lacks of a study that MLflow has; None if nothing, as for a new study.

    Raises ValueError if another tool's trials have the numbers of ours, ReportError if the experiment was deleted.
    """
    there, attrs = _there(storage, study)
    experiment = find_experiment(client, study, str(attrs.get(EXPERIMENT, "")))
    if experiment is None:
        return None
    taken = any(map(is_others, there)) and not any(map(is_ours, there))
    if not taken and last_number(client, experiment.experiment_id) < len(there):
        return None
    found = _single(read_recorded(client, experiment.experiment_id), there, attrs.get(SUPERSEDED, ()))
    if taken and found:
        raise InputError(
            f'study "{study}": Optuna\'s store has {len(there)} trials of this name that another tool made and none '
            f"from mamlab, but MLflow has {len(found)} trials of it. Delete the other tool's study (optuna "
            f"delete-study --study-name {study} --storage URL) and run the command again; mamlab's study is then "
            "rebuilt from MLflow"
        )
    trials = {number: trial for number, trial in found.items() if number >= len(there)}
    return Lost(experiment.experiment_id, trials, there, attrs) if trials else None


def rebuild(storage: SoleWriter, client: Any, home: Home, config: StudyConfig, checksum: str) -> str:
    """Rebuild the trials that MLflow has and Optuna lacks; return a note, empty if none are missing.

    The caller holds the driver's lock. Nothing is written unless everything can be. Raises StudyChanged if the runs
    belong to another spec, DriverBusy if a driver of another home runs the study, and as `find_lost`.
    """
    if (lost := find_lost(storage, client, config.study.name)) is None:
        return ""
    if (parent := parent_of(client, lost.experiment_id)) is not None:
        run_id = parent.info.run_id
        Heartbeat(home).refuse_other(config.study.name, lambda: str(client.get_run(run_id).data.tags.get(TAG, "")))
    _refuse_other_spec(client, parent, lost, config, checksum)
    _make(storage, client, config, checksum, lost)
    return f"{lost.summary}; rebuilt from {lost.runs}"


def _there(storage: SoleWriter, study: str) -> tuple[list[FrozenTrial], dict[str, Any]]:
    try:
        study_id = storage.get_study_id_from_name(study)
    except KeyError:
        return [], {}
    return storage.every_trial(study_id), storage.get_study_user_attrs(study_id)


def _single(
    recorded: dict[int, RecordedTrial], there: Sequence[FrozenTrial], superseded: Collection[int]
) -> dict[int, RecordedTrial]:
    """Drop duplicate trials of an ablation (same arm and seed), which no driver made."""
    attrs = {one.number: one.user_attrs for one in there if one.number not in superseded}
    planned = {(own.get("arm"), own.get("seed")): number for number, own in attrs.items()}
    found = {}
    for number, trial in sorted(recorded.items()):
        searched = trial.first.data.tags.get(records.TAG_KIND) == records.SEARCH
        if searched or not trial.counts or planned.setdefault(trial.planned, number) == number:
            found[number] = trial
    return found


def _refuse_other_spec(client: Any, parent: Any, lost: Lost, config: StudyConfig, checksum: str) -> None:
    """Raise StudyChanged if the study started with another spec, according to Optuna or the spec in MLflow."""
    name, before = config.study.name, lost.attrs.get(FROZEN)
    if before is None and parent is not None and (text := _stored_text(client, parent.info.run_id)):
        data = parent.data.tags.get(records.TAG_DATA_CHECKSUM, checksum)
        ran = replace(stored_spec(text, name), trained_by=parent.data.tags.get(records.TAG_TRAINED_BY, ""))
        before = frozen_json(ran, data)
    if before is not None:
        refuse_change(name, before, frozen_json(config, checksum))


def _stored_text(client: Any, run_id: str) -> str:
    if not any(file.path == records.SPEC_FILE for file in client.list_artifacts(run_id)):
        return ""
    with tempfile.TemporaryDirectory() as folder:
        return Path(client.download_artifacts(run_id, records.SPEC_FILE, folder)).read_text(encoding="utf-8")


def _make(storage: SoleWriter, client: Any, config: StudyConfig, checksum: str, lost: Lost) -> None:
    """Write the study's attributes, then the missing trials."""
    searches = config.kind == "search"
    drawn = {number: trial.drawn(config) for number, trial in lost.trials.items()} if searches else {}
    replaced = {number for number, trial in lost.trials.items() if not trial.counts} | {*lost.attrs.get(SUPERSEDED, ())}
    empty = Placeholders(config, checksum, lost.there, replaced, lost.trials, drawn)
    study = open_study(storage, config)
    storage.show_only(is_ours)
    attrs = {FROZEN: frozen_json(config, checksum), EXPERIMENT: lost.experiment_id}
    for name, value in (attrs | ({SUPERSEDED: sorted(empty.superseded)} if empty.superseded else {})).items():
        study.set_user_attr(name, value)
    remaker = TrialRebuilder(study, storage, client, config, whole_trials(lost.trials, lost.there, config))
    for number in range(len(lost.there), max(lost.trials) + 1):
        trial = lost.trials.get(number)
        if trial is None or number in empty.forgotten or (searches and drawn[number] is None):
            made = empty.make(number, trial)
        elif (own := drawn.get(number)) is not None:
            made = remaker.of_search(trial, own, empty.retry_of.get(number))
        else:
            made = remaker.of_planned(trial)
        storage.create_new_trial(study._study_id, made)
