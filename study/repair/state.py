"""The stored state of a study: a snapshot of both stores and the checkpoints, for comparison."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports import records
from reports.data.experiments import find_experiment, parent_of
from reports.data.mlflow_runs import DELETED, key_of, runs_where
from trainers.checkpoint import CheckpointFolder
from trainers.results import AnyEpoch, epochs_in

from ..engine.attributes import RESULT, STATE, SUPERSEDED
from ..engine.foreign_trials import is_ours, notes_on
from ..engine.journal import Journal
from ..engine.plan import planned_runs
from ..engine.rebuilding import Lost, find_lost
from ..engine.status import driver_of, read_studies
from ..spec.config import StudyConfig
from ..spec.writing import stored_spec
from ..stores.connect import open_mlflow, open_optuna
from ..stores.heartbeat import TAG, running_drivers
from ..stores.home import Home
from ..stores.locks import holder
from ..stores.study_names import UnknownStudyError, require_store

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from ..stores.optuna_storage import SoleWriter


@dataclass(frozen=True)
class StoredStudy:
    """One study at one moment: Optuna's `trials` by number (without superseded ones), MLflow's child `runs` and their
    `parent`.
    """

    home: Home
    name: str
    storage: SoleWriter
    client: Any
    trials: dict[int, FrozenTrial]
    parent: Any
    runs: list[Any]
    driver: str
    """The running driver; empty if none."""
    others: tuple[FrozenTrial, ...] = ()
    """Optuna's trials that another tool made."""
    lost: Lost | None = None
    """What is missing in Optuna and present in MLflow."""

    @property
    def notes(self) -> list[str]:
        """Notes on trials that another tool made."""
        return notes_on(self.others, runs_enqueued=self.parent.data.tags.get(records.TAG_KIND) == records.SEARCH)

    @cached_property
    def config(self) -> StudyConfig:
        """The spec of the last start. Raises UnknownStudyError if it is not in MLflow."""
        artifacts = self.client.list_artifacts(self.parent.info.run_id)
        if not any(file.path == records.SPEC_FILE for file in artifacts):
            raise UnknownStudyError(
                f'study "{self.name}" has no {records.SPEC_FILE} in MLflow; start it again to write the file'
            )
        with tempfile.TemporaryDirectory() as folder:
            file = self.client.download_artifacts(self.parent.info.run_id, records.SPEC_FILE, folder)
            found = stored_spec(Path(file).read_text(encoding="utf-8"), self.name)
        return replace(found, trained_by=self.parent.data.tags.get(records.TAG_TRAINED_BY, ""))

    @property
    def several(self) -> bool:
        """Whether a trial has several runs, one per seed."""
        return self.config.kind == "search" and len(self.config.seeds) > 1

    @property
    def done(self) -> bool:
        """Whether everything planned has ended in Optuna; never true for a search limited only by hours."""
        ended = [trial for trial in self.trials.values() if trial.state.is_finished()]
        if self.config.kind == "search":
            wanted = self.config.budget.trials
            return wanted is not None and len(ended) == len(self.trials) >= wanted
        done = {(trial.user_attrs.get("arm"), trial.user_attrs["seed"]) for trial in ended}
        return len(ended) == len(self.trials) and done.issuperset(planned_runs(self.config))

    def seeds(self, trial: FrozenTrial) -> tuple[int, ...]:
        """Return the seeds of a trial's runs; for a trial pruned between seeds, those that were trained."""
        if self.config.kind != "search":
            return (trial.user_attrs["seed"],)
        trained = tuple(seed for seed in self.config.seeds if f"{RESULT}{seed}" in trial.user_attrs)
        return trained if self.several and trial.state.is_finished() else self.config.seeds

    @property
    def distinct_runs(self) -> list[Any]:
        """One run per trial and seed, in order; of duplicates, the most complete."""
        best: dict[tuple[int, int], Any] = {}
        for run in sorted(self.runs, key=self.completeness):
            best[key_of(run)] = run
        return [best[key] for key in sorted(best)]

    def completeness(self, run: Any) -> tuple[bool, int, float]:
        """Sort key: prefer ended runs, then more epochs, then older runs."""
        return state_of(run) in records.ENDED, len(self.steps[run.info.run_id]), -run.info.start_time

    def end_of(self, run: Any) -> str:
        """Return the end state of an MLflow run according to Optuna; empty if it has not ended or has no trial."""
        trial, seed = self.trial_of(run), run.data.tags[records.TAG_SEED]
        if trial is None:
            return ""
        if self.several and RESULT + seed in trial.user_attrs:
            return str(trial.user_attrs[RESULT + seed][0])
        return str(trial.user_attrs.get(STATE, records.FAILED)) if trial.state.is_finished() else ""

    @cached_property
    def deleted_runs(self) -> dict[tuple[int, int], Any]:
        """The deleted runs in MLflow by trial and seed, the newest of each."""
        runs = f"tags.{records.TAG_ROLE} = '{records.ROLE_RUN}'"
        found = runs_where(self.client, [self.parent.info.experiment_id], runs, DELETED)
        return {key_of(run): run for run in found}

    @property
    def journal(self) -> Journal:
        """Events that are not written yet."""
        return Journal(self.home.journal / f"{self.name}.jsonl")

    @cached_property
    def steps(self) -> dict[str, set[int]]:
        """The epochs in MLflow, by run id."""
        ids = [run.info.run_id for run in self.runs]
        return {
            one: {p.step for p in self.client.get_metric_history(one, self.config.metric.validation)} for one in ids
        }

    def trial_of(self, run: Any) -> FrozenTrial | None:
        """Return the Optuna trial of an MLflow run, None if there is none."""
        return self.trials.get(int(run.data.tags[records.TAG_TRIAL]))

    def folder(self, fingerprint: str) -> CheckpointFolder:
        """Return the checkpoints of a training."""
        return CheckpointFolder(self.home.checkpoints / fingerprint, keep_all=self.config.execution.keep == "all")

    def history(self, run: Any) -> list[AnyEpoch]:
        """Return the epochs in a run's checkpoint, up to the run's last; empty without a checkpoint."""
        last = int(run.data.metrics.get(records.EPOCHS_RUN, 0)) if state_of(run) in records.ENDED else 10**9
        return [epoch for epoch in _history(self.folder(run.data.tags[records.TAG_CELL])) if epoch.epoch <= last]

    def missing(self, run: Any) -> list[AnyEpoch]:
        """Return the epochs that are in the run's checkpoint but not in MLflow."""
        return [epoch for epoch in self.history(run) if epoch.epoch not in self.steps[run.info.run_id]]

    @property
    def folders(self) -> list[CheckpointFolder]:
        """The checkpoints of the study's runs that are not being trained now."""
        fingerprints = sorted({run.data.tags[records.TAG_CELL] for run in self.runs})
        return [
            self.folder(fingerprint)
            for fingerprint in fingerprints
            if not holder(self.home.checkpoints / fingerprint / "lock")
        ]


def state_of(run: Any) -> str:
    """Return the state of an MLflow run; without a tag it is running."""
    return str(run.data.tags.get(records.TAG_STATE, records.RUNNING))


def read_stored(home: Home, name: str, *, alone: bool = False) -> StoredStudy:
    """Read the study `name`; with `alone`, this process holds the driver's lock, and waits to see whether a driver
    is running elsewhere.

    Raises UnknownStudyError, listing the studies that exist.
    """
    require_store(home)
    client = open_mlflow(home)
    experiment = find_experiment(client, name)
    runs = list(runs_where(client, [experiment.experiment_id])) if experiment else []
    parent = parent_of(client, experiment.experiment_id) if experiment else None
    if parent is None:
        known = ", ".join(study.name for study in read_studies(home)) or "none"
        raise UnknownStudyError(f"no study named {name!r} in {home.root} (studies: {known})")
    children = [run for run in runs if run.data.tags.get(records.TAG_ROLE) == records.ROLE_RUN]
    storage = open_optuna(home)
    try:
        study_id = storage.get_study_id_from_name(name)
        trials, attrs = storage.get_all_trials(study_id), storage.get_study_user_attrs(study_id)
    except KeyError:
        trials, attrs = [], {}
    tag = parent.data.tags.get(TAG, "")
    driver = _alive(client, home, name, parent.info.run_id) if alone else driver_of(home, name, tag)
    superseded = attrs.get(SUPERSEDED, ())
    ours = [trial for trial in trials if is_ours(trial) and trial.number not in superseded]
    children = [run for run in children if key_of(run)[0] not in superseded]  # its next start says so in MLflow, too
    others = tuple(trial for trial in trials if not is_ours(trial))
    counting = {trial.number: trial for trial in ours}
    lost = None if driver else find_lost(storage, client, name)
    return StoredStudy(home, name, storage, client, counting, parent, children, driver, others, lost)


def _alive(client: Any, home: Home, name: str, parent_id: str) -> str:
    """Return the driver that runs the study from another home, empty if none."""
    found = running_drivers(lambda: {name: client.get_run(parent_id).data.tags.get(TAG, "")}, home.root)
    return str(found.get(name, ""))


def _history(folder: CheckpointFolder) -> list[AnyEpoch]:
    state = folder.peek()
    return epochs_in(state) if state else []
