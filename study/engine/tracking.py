"""MLflow's side of the stores: one experiment a study, one parent run, one child run a training."""

from __future__ import annotations

import getpass
import json
import platform
import tempfile
import time
from collections.abc import Container, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports import records
from reports.data.experiments import STUDY_TAG, find_experiment, parent_of, renamed
from reports.data.mlflow_runs import DELETED, key_of, runs_where
from trainers.overrides import settings
from trainers.results import EpochResult, TrainResult

from ..commit import source_commit
from ..spec.config import StudyConfig
from ..stores.heartbeat import TAG, Heartbeat
from ..stores.home import Home
from ..stores.urls import redact
from .facts import facts_of, sentence, tags_of, write_facts
from .limits import CPU, GPU, kind
from .plan import RunPlan, StudyChanged
from .views import write_views

if TYPE_CHECKING:
    from mlflow.entities import Metric, Run

STATUS: dict[str, str] = {
    "complete": "FINISHED", "pruned": "FINISHED", "diverged": "FINISHED",
    "out_of_memory": "FAILED", "failed": "FAILED", "interrupted": "SCHEDULED",
}  # fmt: skip
"""How MLflow shows each state; the tag `mamlab.state` says it exactly."""
ENDED = ("FINISHED", "FAILED", "KILLED")
WALL = "mamlab.wall_seconds"
"""Of the study's own run: seconds that its drivers have lived, of all starts; at most one sign of life behind."""
PRUNED_COLOUR = "#9e9e9e"
PACKAGES = ("mamlab", "torch", "torchvision", "numpy", "optuna", "mlflow")
WRITE_SECONDS = 5.0
"""Epochs that follow one another faster than this are written together."""
METRICS_AT_ONCE = 500
"""MLflow takes at most 1,000 metrics in a batch."""


class Tracking:
    """The MLflow experiment of one study; this process is its only writer.

    Args:
        client: a patient `MlflowClient`, from `study.stores.connect.open_mlflow`.
        home: has the folder of all artifacts, unless a server keeps them.
        data_checksum: of the loaded data.
        known_id: the experiment's id, as far as it is known.

    Raises ReportError if the experiment was deleted, or two may be it.
    """

    def __init__(self, client: Any, home: Home, config: StudyConfig, data_checksum: str, known_id: str = "") -> None:
        self._client, self._config = client, config
        self.notes: list[str] = []
        """What to say of the experiment: that it is called otherwise by now."""
        served = home.mlflow_url.startswith("http")  # then the server says where artifacts go
        self.experiment_id = self._experiment(
            None if served else (home.artifacts / config.study.name).as_uri(), known_id
        )
        self._common = {**_source_tags(), records.TAG_STUDY: config.study.name, records.TAG_KIND: config.kind}
        self._common |= {records.TAG_DATA: config.data.source, records.TAG_DATA_CHECKSUM: data_checksum}
        self._waiting: dict[str, list[Metric]] = {}
        self._written: dict[str, float] = {}
        self._resumed: dict[str, int] = {}
        """Of the runs that have started before: how often they were taken up again."""
        self.parent_id = ""
        self.earlier_seconds, self._began = 0.0, time.monotonic()
        self._heartbeat = Heartbeat(home)
        self.resync()

    def resync(self) -> None:
        """Read which runs there are, and the seconds that the ended ones took: at the start, and after an outage."""
        self._known: dict[str, Run] = {}
        self.spent = {CPU: 0.0, GPU: 0.0}
        for run in runs_where(self._client, [self.experiment_id]):
            if run.info.status in ENDED and records.TAG_REUSED_FROM not in run.data.tags:
                self.spent[kind(run.data.tags.get(records.TAG_DEVICE, ""))] += run.data.metrics.get(
                    records.SECONDS, 0.0
                )
            if run.data.tags.get(records.TAG_ROLE) == records.ROLE_STUDY:
                self.parent_id = run.info.run_id
            elif run.data.tags.get(records.TAG_ROLE) == records.ROLE_RUN:
                self._known[f"{int(run.data.tags[records.TAG_TRIAL])}/{run.data.tags[records.TAG_SEED]}"] = run
        if not self.parent_id and (deleted := parent_of(self._client, self.experiment_id)):
            self._client.restore_run(deleted.info.run_id)
            self.parent_id = deleted.info.run_id
            self.notes.append("the study's own run lay in MLflow's bin, and was taken out")

    def start(self, open_runs: list[tuple[int, int]], not_ours: Container[int] = ()) -> None:
        """Start (again) the parent run; runs in `open_runs`, (trial, seed), that a dead driver left are set to interrupted.

        Runs of trials that are `not_ours`, because another tool ended them, count no more.
        """
        if not self.parent_id:
            tags = {records.TAG_ROLE: records.ROLE_STUDY}
            self.parent_id = self._create(self._config.study.name, tags)
        self._heartbeat.refuse_other(self._config.study.name, self._sign)
        before = self._client.get_run(self.parent_id).data.tags
        self.earlier_seconds = float(before.get(WALL, 0.0))
        if before.get(records.TAG_HELD):  # of a driver that was killed
            self.note_held({})
        self._client.log_text(self.parent_id, redact(self._config.spec_text), records.SPEC_FILE)
        facts = facts_of(self._config)
        write_facts(self._client, self.parent_id, self._config.study.name, facts)
        write_views(self._client, self.experiment_id, self._config)
        self._client.update_run(self.parent_id, status="RUNNING")
        tags = {records.TAG_STATE: records.RUNNING, TAG: self._heartbeat.sign(), **tags_of(facts), **self._origin_tag()}
        self._tag(self.parent_id, tags)
        for trial, seed in open_runs:
            run = self._known.get(f"{trial}/{seed}")
            if run is not None and run.data.tags.get(records.TAG_STATE) != records.INTERRUPTED:
                self.end_run(run.info.run_id, "interrupted")
        for key in [key for key in self._known if int(key.partition("/")[0]) in not_ours]:
            self.supersede(self._known.pop(key).info.run_id)

    def lacking(self, runs: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
        """Return those of the `runs`, (trial, seed), that are neither there nor in MLflow's bin, from which they can be taken out."""
        lost = [(trial, seed) for trial, seed in runs if f"{trial}/{seed}" not in self._known]
        where = f"tags.{records.TAG_ROLE} = '{records.ROLE_RUN}'"
        deleted = (
            {key_of(run) for run in runs_where(self._client, [self.experiment_id], where, DELETED)} if lost else set()
        )
        return [one for one in lost if one not in deleted]

    def check_file(self) -> None:
        """Raise StoreLost if the store's file is no longer the one that was opened."""
        self._client.check_file()

    def supersede(self, run_id: str) -> None:
        """Let a run count no more: another takes its place, or has."""
        self._client.set_tag(run_id, records.TAG_ROLE, records.ROLE_SUPERSEDED)

    def beat(self) -> None:
        """Give a sign of life, if it is time. Raises DriverBusy if another driver has taken the study over meanwhile."""
        if self._heartbeat.due:
            self._heartbeat.refuse_successor(self._config.study.name, self._sign())
            self._tag(self.parent_id, {TAG: self._heartbeat.sign(), WALL: self._wall()})

    def note_held(self, fingerprints: Mapping[str, str]) -> None:
        """Keep the fingerprints, by label, of the runs that wait for another process which holds them."""
        self._tag(self.parent_id, {records.TAG_HELD: json.dumps(fingerprints) if fingerprints else ""})

    def _sign(self) -> str:
        return str(self._client.get_run(self.parent_id).data.tags.get(TAG, ""))

    def close(self, finished: bool) -> None:
        """End the parent run: finished, or to go on later."""
        state = records.COMPLETE if finished else records.INTERRUPTED
        self._tag(self.parent_id, {TAG: "", WALL: self._wall(), records.TAG_STATE: state})
        if finished:
            self._client.set_terminated(self.parent_id, status="FINISHED")
        else:
            self._client.update_run(self.parent_id, status="SCHEDULED")

    def knows(self, plan: RunPlan) -> bool:
        """Whether an earlier driver opened the plan's run, and this one has not yet."""
        return plan.key in self._known

    def open_run(self, plan: RunPlan) -> tuple[str, set[int]]:
        """Return the id of the plan's run, new or found again, and the epochs that it already holds."""
        run = self._known.get(plan.key)
        tags, params = self._run_tags(plan), {path: str(value) for path, value in settings(plan.config).items()}
        if run is None:
            waiting = {**tags, records.TAG_STATE: records.WAITING}
            run_id = self._create(plan.label, waiting)
            self._log(run_id, params=params, tags=tags)  # MLflow writes params first: what it refuses has not started
            return run_id, set()
        self._refuse_other_params(run, plan, params)
        run_id = run.info.run_id
        self._log(run_id, params=params, tags=tags)
        self._client.update_run(run_id, status="RUNNING", name=plan.label)
        self._resumed[run_id] = int(run.data.tags.get(records.TAG_RESUMED, 0))
        del self._known[plan.key]
        return run_id, {m.step for m in self._client.get_metric_history(run_id, records.VAL_ACCURACY)}

    def _refuse_other_params(self, run: Run, plan: RunPlan, params: dict[str, str]) -> None:
        """Raise StudyChanged if the run was recorded with other settings: MLflow never changes a parameter."""
        stored = run.data.params
        if other := [path for path in sorted(params) if stored.get(path, params[path]) != params[path]]:
            changed = ", ".join(f"{path} = {stored[path]}, and the trial now means {params[path]}" for path in other)
            raise StudyChanged(
                f'study "{self._config.study.name}", run "{plan.label}" ({run.info.run_id}): MLflow has it with {changed}; '
                "nothing was written. Delete the run in the MLflow UI: the same command then trains it anew"
            )

    def note_start(self, run_id: str, plan: RunPlan, device: str, reused: bool) -> None:
        """Write where the run trains, or which run's numbers it uses again; told once more if its worker died."""
        resumed = self._resumed.get(run_id, -1) + 1
        tags = {records.TAG_DEVICE: device} | ({records.TAG_RESUMED: str(resumed)} if resumed else {})
        origin = self._origin(run_id, plan.fingerprint) if reused else None
        self._tag(run_id, tags | ({records.TAG_REUSED_FROM: origin} if origin else {}))
        self._resumed[run_id] = resumed

    def log_epoch(self, run_id: str, epoch: EpochResult) -> None:
        """Write an epoch's metrics, with the time when the epoch ended.

        What comes within `WRITE_SECONDS` of the run's last write waits for the next one; if the driver dies before it, the
        run sends its epochs again.
        """
        values = asdict(epoch)
        values[records.EPOCH_SECONDS] = values.pop("seconds")
        waiting = self._waiting.setdefault(run_id, [])
        waiting += _metrics({name: values[name] for name in records.EPOCH_METRICS}, epoch)
        if len(waiting) >= METRICS_AT_ONCE or time.monotonic() - self._written.get(run_id, 0.0) >= WRITE_SECONDS:
            self._log(run_id)

    def flush(self, run_id: str) -> None:
        """Write the epochs of a run that wait."""
        self._log(run_id)

    def log_result(
        self, run_id: str, plan: RunPlan, result: TrainResult, last: EpochResult, files: dict[str, bytes]
    ) -> None:
        """Write the artifacts of a complete run; its final metrics are written with its end, which follows."""
        values = {**asdict(result), records.EPOCHS_RUN: last.epoch, records.COMPUTE: self._config.compute(plan.config)}
        self._keep_metrics(run_id, {n: values[n] for n in records.FINAL_METRICS if values[n] is not None}, last)
        with tempfile.TemporaryDirectory() as folder:
            for name, content in files.items():
                (Path(folder) / name).write_bytes(content)
            self._client.log_artifacts(run_id, folder)

    def log_partial_result(self, run_id: str, plan: RunPlan, epochs: list[EpochResult]) -> None:
        """Keep what a run reached that ended early, to be written with its end, which follows."""
        if epochs:
            best = max(epochs, key=lambda epoch: epoch.val_accuracy)
            values = {
                records.BEST_VAL_ACCURACY: best.val_accuracy,
                records.BEST_EPOCH: best.epoch,
                records.EPOCHS_RUN: epochs[-1].epoch,
                records.SECONDS: sum(epoch.seconds for epoch in epochs),
                records.COMPUTE: self._config.compute(plan.config, epochs[-1].epoch),
            }
            self._keep_metrics(run_id, values, epochs[-1])

    def end_run(
        self, run_id: str, state: records.EndState, message: str = "", label: str = "", *, stops_trial: bool = False
    ) -> None:
        """End a run in the way of its state; an interrupted one is open again later.

        `stops_trial`: the trial has no further seeds, because a pruner stopped it.
        """
        tags: dict[str, str] = {records.TAG_STATE: state}
        if message:
            tags[records.TAG_MESSAGE] = sentence(message)
        if stops_trial:
            tags[records.TAG_STOPS_TRIAL] = "true"
        if state == "pruned":
            tags |= {"mlflow.runColor": PRUNED_COLOUR, records.TAG_RUN_NAME: f"{label} (pruned)"}
        self._tag(run_id, tags)
        if state == "interrupted":
            self._client.update_run(run_id, status=STATUS[state])
        else:
            self._client.set_terminated(run_id, status=STATUS[state])

    def _wall(self) -> str:
        return f"{self.earlier_seconds + time.monotonic() - self._began:.3f}"

    def _experiment(self, artifacts: str | None, known_id: str) -> str:
        name = self._config.study.name
        there = find_experiment(self._client, name, known_id)
        if there is None:
            created: str = self._client.create_experiment(name, artifact_location=artifacts, tags={STUDY_TAG: name})
            return created
        if STUDY_TAG not in there.tags:
            self._client.set_experiment_tag(there.experiment_id, STUDY_TAG, name)
        self.notes += filter(None, [renamed(there, name)])
        experiment_id: str = there.experiment_id
        return experiment_id

    def _create(self, name: str, tags: dict[str, str]) -> str:
        run = self._client.create_run(
            self.experiment_id, start_time=_now(), tags={**self._common, **tags}, run_name=name
        )
        run_id: str = run.info.run_id
        return run_id

    def _origin_tag(self) -> dict[str, str]:
        origin = self._config.ablation.origin if self._config.ablation else None
        return {records.TAG_ORIGIN_SEARCH: origin.search} if origin else {}

    def _run_tags(self, plan: RunPlan) -> dict[str, str]:
        tags = {
            records.TAG_PARENT: self.parent_id,
            records.TAG_ROLE: records.ROLE_RUN,
            records.TAG_STATE: records.RUNNING,
            records.TAG_TRIAL: f"{plan.trial:04d}",
            records.TAG_SEED: str(plan.seed),
            records.TAG_CELL: plan.fingerprint,
            records.TAG_ARM: plan.arm or "",
            records.TAG_PRESET: plan.preset or "",
            records.TAG_DROPPED: json.dumps({inert.path: inert.reason for inert in plan.dropped}),
        }
        return {name: value for name, value in tags.items() if value}

    def _origin(self, run_id: str, fingerprint: str) -> str | None:
        """Return the complete run that trained `fingerprint`, if another one did."""
        everywhere = [experiment.experiment_id for experiment in self._client.search_experiments()]
        wanted = f"tags.{records.TAG_CELL} = '{fingerprint}' and tags.`{records.TAG_STATE}` = '{records.COMPLETE}'"
        found = [run for run in self._client.search_runs(everywhere, wanted) if run.info.run_id != run_id]
        found.sort(key=lambda run: (records.TAG_REUSED_FROM in run.data.tags, run.info.start_time))
        return found[0].info.run_id if found else None

    def _tag(self, run_id: str, tags: dict[str, str]) -> None:
        self._log(run_id, tags=tags)

    def _keep_metrics(self, run_id: str, values: dict[str, float], at: EpochResult) -> None:
        self._waiting.setdefault(run_id, []).extend(_metrics(values, at))

    def _log(self, run_id: str, *, params: Any = None, tags: Any = None) -> None:
        """Write to a run, and with it the metrics that wait."""
        from mlflow.entities import Param, RunTag

        all_metrics = self._waiting.get(run_id, [])
        all_params = [Param(name, value) for name, value in (params or {}).items()]
        all_tags = [RunTag(name, value) for name, value in (tags or {}).items()]
        self._client.log_batch(run_id, all_metrics, all_params, all_tags)
        self._waiting.pop(run_id, None)
        self._written[run_id] = time.monotonic()


def _metrics(values: dict[str, float], at: EpochResult) -> list[Metric]:
    from mlflow.entities import Metric

    when = round(at.finished_at * 1000)
    return [Metric(name, float(value), when, at.epoch) for name, value in values.items()]


def _now() -> int:
    return round(time.time() * 1000)


def _source_tags() -> dict[str, str]:
    """Return who runs which code: user, commit, package versions."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            versions[package] = version(package)
    tags = {"mlflow.source.name": "mamlab", "mlflow.source.type": "LOCAL", records.TAG_VERSIONS: json.dumps(versions)}
    with suppress(OSError, KeyError, ImportError):  # a container's user may have no name
        tags["mlflow.user"] = getpass.getuser()
    if commit := source_commit():
        tags |= {records.TAG_GIT_COMMIT: commit, "mlflow.source.git.commit": commit}
    return tags
