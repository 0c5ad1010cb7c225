"""The MLflow runs of a study's trainings: opens them, logs epochs and results, and ends them."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Container, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports import records
from reports.data.mlflow_runs import DELETED, experiments_where, key_of, runs_where
from trainers.results import AnyEpoch, AnyResult

from ..spec.config import StudyConfig
from . import differs
from .facts import sentence
from .mlflow_writer import MlflowWriter
from .plan import RunPlan, StudyChanged

if TYPE_CHECKING:
    from mlflow.entities import Run

STATUS: dict[str, str] = {
    "complete": "FINISHED", "pruned": "FINISHED", "diverged": "FINISHED",
    "out_of_memory": "FAILED", "failed": "FAILED", "interrupted": "SCHEDULED",
}  # fmt: skip
"""MLflow's status for each state; the exact state is in the tag `mamlab.state`."""
CONTINUES = "continues"
"""Tag of a run: number of the trial that a short look stopped and whose training it took up."""
CONTINUED_BY = "continued_by"
"""Tag of a superseded run: number of the trial that took up its training; its epochs and seconds are in that one's."""
PRUNED_COLOUR = "#9e9e9e"


class MlflowRuns:
    """The runs of one experiment, by trial and seed; this process is their only writer.

    Args:
        client: the MLflow client.
        writer: for the runs of the experiment.
    """

    def __init__(self, client: Any, writer: MlflowWriter, config: StudyConfig, experiment_id: str) -> None:
        self._client, self._writer, self._config, self._experiment_id = client, writer, config, experiment_id
        self._known: dict[str, Run] = {}
        self._resumed: dict[str, int] = {}
        """How often each run was resumed, for runs started before."""
        self.parent_id = ""
        """The study's parent run."""

    def know(self, runs: Iterable[Run]) -> None:
        """Set the existing runs, none of which this process has opened."""
        ours = [run for run in runs if run.data.tags.get(records.TAG_ROLE) == records.ROLE_RUN]
        self._known = {
            f"{int(run.data.tags[records.TAG_TRIAL])}/{run.data.tags[records.TAG_SEED]}": run for run in ours
        }

    def knows(self, plan: RunPlan) -> bool:
        """Whether an earlier driver opened the plan's run and this one has not yet."""
        return plan.key in self._known

    def lacking(self, runs: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
        """Return those of the `runs`, (trial, seed), that MLflow does not have, not even as deleted (restorable)."""
        lost = [(trial, seed) for trial, seed in runs if f"{trial}/{seed}" not in self._known]
        if not lost:
            return []
        where = f"tags.{records.TAG_ROLE} = '{records.ROLE_RUN}'"
        deleted = {key_of(run) for run in runs_where(self._client, [self._experiment_id], where, DELETED)}
        return [key for key in lost if key not in deleted]

    def interrupt(self, runs: Iterable[tuple[int, int]]) -> None:
        """Set `runs`, (trial, seed), that a dead driver left running to interrupted."""
        for trial, seed in runs:
            run = self._known.get(f"{trial}/{seed}")
            if run is not None and run.data.tags.get(records.TAG_STATE) != records.INTERRUPTED:
                self.end(run.info.run_id, "interrupted")

    def supersede_trials(self, numbers: Container[int]) -> None:
        """Mark the runs of the trials `numbers` as superseded."""
        for key in [key for key in self._known if int(key.partition("/")[0]) in numbers]:
            self.supersede(self._known.pop(key).info.run_id)

    def supersede(self, run_id: str) -> None:
        """Mark a run as superseded: it no longer counts."""
        self._client.set_tag(run_id, records.TAG_ROLE, records.ROLE_SUPERSEDED)

    def _supersede_continued(self, plan: RunPlan) -> None:
        """Let the run count no more whose training the plan's takes up."""
        if plan.continues is None:
            return
        where = f"tags.{records.TAG_TRIAL} = '{plan.continues:04d}' and tags.{records.TAG_ROLE} = '{records.ROLE_RUN}'"
        for run in runs_where(self._client, [self._experiment_id], where):
            self._client.set_tag(run.info.run_id, CONTINUED_BY, f"{plan.trial:04d}")
            self.supersede(run.info.run_id)

    def open(self, plan: RunPlan) -> tuple[str, set[int]]:
        """Return the id of the plan's run, new or existing, and the epochs that it already has."""
        self._supersede_continued(plan)
        run = self._known.get(plan.key)
        tags, params = self._tags(plan), {path: str(value) for path, value in self._settings(plan)}
        if run is None:
            run_id = self._writer.create(plan.label, {**tags, records.TAG_STATE: records.WAITING})
            # MLflow writes params first: if it rejects them, the run has not started.
            self._writer.log(run_id, params=params, tags=tags)
            return run_id, set()
        self._refuse_other_params(run, plan, params)
        run_id = run.info.run_id
        self._writer.log(run_id, params=params, tags=tags)
        self._client.update_run(run_id, status="RUNNING", name=plan.label)
        self._resumed[run_id] = int(run.data.tags.get(records.TAG_RESUMED, 0))
        del self._known[plan.key]
        return run_id, {point.step for point in self._client.get_metric_history(run_id, self._config.metric.validation)}

    def _settings(self, plan: RunPlan) -> Iterable[tuple[str, Any]]:
        return self._config.method.settings(plan.config).items()

    def _refuse_other_params(self, run: Run, plan: RunPlan, params: dict[str, str]) -> None:
        """Raise StudyChanged if the run was recorded with other settings: MLflow params cannot be changed."""
        stored = run.data.params
        if other := [path for path in sorted(params) if stored.get(path, params[path]) != params[path]]:
            changed = ", ".join(f"{path} = {stored[path]}, but the spec now gives {params[path]}" for path in other)
            raise StudyChanged(
                f'study "{self._config.study.name}", run "{plan.label}" ({run.info.run_id}): it is in MLflow with '
                f"{changed}; "
                "nothing was written. Delete the run in the MLflow UI and run the same command to retrain it"
            )

    def _tags(self, plan: RunPlan) -> dict[str, str]:
        tags = {
            records.TAG_PARENT: self.parent_id,
            records.TAG_ROLE: records.ROLE_RUN,
            records.TAG_STATE: records.RUNNING,
            records.TAG_TRIAL: f"{plan.trial:04d}",
            records.TAG_SEED: str(plan.seed),
            records.TAG_CELL: plan.fingerprint,
            records.TAG_ARM: plan.arm or "",
            records.TAG_PRESET: plan.preset or "",
            CONTINUES: "" if plan.continues is None else f"{plan.continues:04d}",
            differs.TAG: differs.differs(plan.config, self._config.base, self._config.method),
            records.TAG_DROPPED: json.dumps({inert.path: inert.reason for inert in plan.dropped}),
        }
        return {name: value for name, value in tags.items() if value}

    def note_start(self, run_id: str, plan: RunPlan, device: str, reused: bool) -> None:
        """Write the run's device, or the run whose results it reuses; called again after a worker died."""
        resumed = self._resumed.get(run_id, -1) + 1
        tags = {records.TAG_DEVICE: device} | ({records.TAG_RESUMED: str(resumed)} if resumed else {})
        origin = self._origin(run_id, plan.fingerprint) if reused else None
        self._writer.log(run_id, tags=tags | ({records.TAG_REUSED_FROM: origin} if origin else {}))
        self._resumed[run_id] = resumed

    def _origin(self, run_id: str, fingerprint: str) -> str | None:
        """Return the id of another complete run that trained `fingerprint`, or None."""
        everywhere = [experiment.experiment_id for experiment in experiments_where(self._client)]
        wanted = f"tags.{records.TAG_CELL} = '{fingerprint}' and tags.`{records.TAG_STATE}` = '{records.COMPLETE}'"
        found = [run for run in runs_where(self._client, everywhere, wanted) if run.info.run_id != run_id]
        found.sort(key=lambda run: (records.TAG_REUSED_FROM in run.data.tags, run.info.start_time))
        return found[0].info.run_id if found else None

    def log_epoch(self, run_id: str, epoch: AnyEpoch) -> None:
        """Write an epoch's metrics with the epoch's end time.

        Epochs within seconds of the run's last write wait for the next one; if the driver dies before that, the run
        sends its epochs again.
        """
        self._writer.keep(run_id, epoch.metrics, epoch)
        if self._writer.is_due(run_id):
            self.flush(run_id)

    def flush(self, run_id: str) -> None:
        """Write the waiting epochs of a run."""
        self._writer.log(run_id)

    def log_result(
        self, run_id: str, plan: RunPlan, result: AnyResult, last: AnyEpoch, files: dict[str, bytes]
    ) -> None:
        """Write the artifacts of a complete run; its final metrics are written by the following `end`."""
        self._writer.keep(run_id, {**result.metrics, **self._length(plan, last.epoch)}, last)
        with tempfile.TemporaryDirectory() as folder:
            for name, content in files.items():
                (Path(folder) / name).write_bytes(content)
            self._client.log_artifacts(run_id, folder)

    def log_partial_result(self, run_id: str, plan: RunPlan, epochs: list[AnyEpoch]) -> None:
        """Queue the metrics of a run that ended early; they are written by the following `end`."""
        if epochs:
            metric = self._config.metric
            best = max(epochs, key=lambda epoch: metric.sign * epoch.value)
            values = {
                metric.best_validation: best.value,
                records.BEST_EPOCH: best.epoch,
                records.SECONDS: sum(epoch.seconds for epoch in epochs),
            }
            self._writer.keep(run_id, {**values, **self._length(plan, epochs[-1].epoch)}, epochs[-1])

    def _length(self, plan: RunPlan, epochs: int) -> dict[str, float]:
        """Return how long a run was: in epochs, and in operations if the method counts them."""
        compute = self._config.compute(plan.config, epochs)
        return {records.EPOCHS_RUN: epochs} | ({} if math.isnan(compute) else {records.COMPUTE: compute})

    def end(
        self, run_id: str, state: records.EndState, message: str = "", label: str = "", *, stops_trial: bool = False
    ) -> None:
        """End a run with its state; an interrupted run is reopened later.

        `stops_trial`: the trial has no more seeds, because a pruner stopped it.
        """
        tags: dict[str, str] = {records.TAG_STATE: state}
        if message:
            tags[records.TAG_MESSAGE] = sentence(message)
        if stops_trial:
            tags[records.TAG_STOPS_TRIAL] = "true"
        if state == "pruned":
            tags |= {"mlflow.runColor": PRUNED_COLOUR, records.TAG_RUN_NAME: f"{label} (pruned)"}
        self._writer.log(run_id, tags=tags)
        if state == "interrupted":
            self._client.update_run(run_id, status=STATUS[state])
        else:
            self._client.set_terminated(run_id, status=STATUS[state])
