"""The MLflow experiment of a study: the parent run, and the runs of its trainings as children."""

from __future__ import annotations

import json
import time
from collections.abc import Container, Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from reports import records
from reports.data.experiments import STUDY_TAG, find_experiment, parent_of, renamed
from reports.data.mlflow_runs import runs_where

from ..spec.config import StudyConfig
from ..stores.heartbeat import TAG, Heartbeat
from ..stores.home import Home
from ..stores.urls import redact
from .experiment_note import title_of, write_note
from .facts import facts_of, tags_of, write_facts
from .limits import CPU, GPU, kind
from .mlflow_runs import CONTINUED_BY, MlflowRuns
from .mlflow_writer import MlflowWriter
from .overview import trouble
from .source_tags import source_tags
from .views import views_of, write_views

if TYPE_CHECKING:
    from mlflow.entities import Run

ENDED = ("FINISHED", "FAILED", "KILLED")
WALL = "mamlab.wall_seconds"
"""Tag of the parent run: wall-clock seconds of its drivers over all starts; updated with each heartbeat."""


class Tracking:
    """The MLflow experiment of one study; this process is its only writer.

    Args:
        client: from `study.stores.connect.open_mlflow`.
        home: holds all artifacts, unless a server stores them.
        data_checksum: of the loaded data.
        known_id: the experiment's id, if known.

    Raises ReportError if the experiment was deleted or is ambiguous.
    """

    def __init__(self, client: Any, home: Home, config: StudyConfig, data_checksum: str, known_id: str = "") -> None:
        self._client, self._config = client, config
        self.notes: list[str] = []
        """Notes on the experiment, such as that it was renamed."""
        served = home.mlflow_url.startswith("http")  # then the server chooses the artifact location
        self.experiment_id = self._experiment(
            None if served else (home.artifacts / config.study.name).as_uri(), known_id
        )
        common = {**source_tags(), records.TAG_STUDY: config.study.name, records.TAG_KIND: config.kind}
        common |= {records.TAG_DATA: config.data.source, records.TAG_DATA_CHECKSUM: data_checksum}
        if not config.method.is_mamlpp:
            common[records.TAG_METRIC] = json.dumps(asdict(config.metric))
        self._writer = MlflowWriter(client, self.experiment_id, common)
        self.runs = MlflowRuns(client, self._writer, config, self.experiment_id)
        """The runs of the study's trainings."""
        self.earlier_seconds, self._began = 0.0, time.monotonic()
        self._heartbeat = Heartbeat(home)
        self.resync()

    @property
    def parent_id(self) -> str:
        """Id of the study's parent run; empty before the first start."""
        return self.runs.parent_id

    def resync(self) -> None:
        """Read the existing runs and the time they took: at the start, and after an outage."""
        found = list(runs_where(self._client, [self.experiment_id]))
        self.spent, self.troubles, self.reused = _spent(found), _troubles(found), _reused(found)
        self.runs.know(found)
        for run in found:
            if run.data.tags.get(records.TAG_ROLE) == records.ROLE_STUDY:
                self.runs.parent_id = run.info.run_id
        if not self.parent_id and (deleted := parent_of(self._client, self.experiment_id)):
            self._client.restore_run(deleted.info.run_id)
            self.runs.parent_id = deleted.info.run_id
            self.notes.append("the study's parent run was deleted in MLflow; it was restored")

    def start(self, open_runs: list[tuple[int, int]], not_ours: Container[int] = ()) -> None:
        """Start or resume the parent run; set runs in `open_runs`, (trial, seed), left by a dead driver to interrupted.

        Runs of trials `not_ours`, which another tool ended, are superseded.
        """
        name = self._config.study.name
        if not self.parent_id:
            self.runs.parent_id = self._writer.create(name, {records.TAG_ROLE: records.ROLE_STUDY})
        self._heartbeat.refuse_other(name, self._sign)
        before = self._client.get_run(self.parent_id).data.tags
        self.earlier_seconds = float(before.get(WALL, 0.0))
        if before.get(records.TAG_HELD):  # of a driver that was killed
            self.note_lock_waits({})
        self._client.log_text(self.parent_id, redact(self._config.spec_text), records.SPEC_FILE)
        facts = facts_of(self._config)
        write_facts(self._client, self.parent_id, name, facts)
        self._show()
        self._client.update_run(self.parent_id, status="RUNNING")
        self._tag(
            {records.TAG_STATE: records.RUNNING, TAG: self._heartbeat.next_tag(), **tags_of(facts), **self._origin()}
        )
        self.runs.interrupt(open_runs)
        self.runs.supersede_trials(not_ours)

    def _show(self) -> None:
        """Write views and note for the MLflow UI."""
        space = self._config.space
        views = views_of(self._config.kind, list(space.dimensions) if space else [], metric=self._config.metric)
        write_views(self._client, self.experiment_id, views)
        write_note(self._client, self.experiment_id, title_of(self._config.study.name, self._config.kind), views)

    def check_file(self) -> None:
        """Raise StoreLost if the store's file is no longer the one that was opened."""
        self._client.check_file()

    def beat(self) -> None:
        """Send a heartbeat if one is due. Raises DriverBusy if another driver has taken over the study."""
        if self._heartbeat.due:
            self._heartbeat.refuse_successor(self._config.study.name, self._sign())
            self._tag({TAG: self._heartbeat.next_tag(), WALL: self._wall()})

    def note_lock_waits(self, fingerprints: Mapping[str, str]) -> None:
        """Record the fingerprints, by label, of runs that wait for another process."""
        self._tag({records.TAG_HELD: json.dumps(fingerprints) if fingerprints else ""})

    def close(self, finished: bool) -> None:
        """End the parent run: finished, or interrupted and resumable."""
        state = records.COMPLETE if finished else records.INTERRUPTED
        self._tag({TAG: "", WALL: self._wall(), records.TAG_STATE: state})
        if finished:
            self._client.set_terminated(self.parent_id, status="FINISHED")
        else:
            self._client.update_run(self.parent_id, status="SCHEDULED")

    def _sign(self) -> str:
        return str(self._client.get_run(self.parent_id).data.tags.get(TAG, ""))

    def _wall(self) -> str:
        return f"{self.earlier_seconds + time.monotonic() - self._began:.3f}"

    def _tag(self, tags: Mapping[str, str]) -> None:
        self._writer.log(self.parent_id, tags=tags)

    def _origin(self) -> dict[str, str]:
        origin = self._config.ablation.origin if self._config.ablation else None
        return {records.TAG_ORIGIN_SEARCH: origin.search} if origin else {}

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


def _troubles(runs: Iterable[Run]) -> list[str]:
    """Return one line for each run with a message, in order of their start."""
    with_message = [
        run
        for run in runs
        if records.TAG_MESSAGE in run.data.tags and run.data.tags.get(records.TAG_ROLE) == records.ROLE_RUN
    ]
    return [
        trouble(run.data.tags.get(records.TAG_STATE, ""), run.info.run_name, run.data.tags[records.TAG_MESSAGE])
        for run in with_message
    ]


def _reused(runs: Iterable[Run]) -> int:
    """Return how many ended runs have the results of an earlier training."""
    return sum(run.info.status in ENDED and records.TAG_REUSED_FROM in run.data.tags for run in runs)


_NOT_SPENT = records.TAG_REUSED_FROM, CONTINUED_BY
"""Tags of runs whose seconds are another's."""


def _spent(runs: Iterable[Run]) -> dict[str, float]:
    """Return the seconds that ended runs took, by `CPU` and `GPU`; one that used another's numbers again, or that
    another went on with, took none.
    """
    spent = {CPU: 0.0, GPU: 0.0}
    for run in runs:
        if run.info.status in ENDED and not {*_NOT_SPENT} & run.data.tags.keys():
            spent[kind(run.data.tags.get(records.TAG_DEVICE, ""))] += run.data.metrics.get(records.SECONDS, 0.0)
    return spent
