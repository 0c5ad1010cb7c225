"""The status of a home's studies, read from MLflow, also while a driver is writing.

Only tags and last metrics are read, not curves, so this is fast for thousands of runs.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from reports import records
from reports.data.experiments import find_experiment, parent_of, renamed, study_of
from reports.data.facts import read_facts
from reports.data.loading import spec_of
from reports.data.mlflow_runs import experiments_where, key_of, metric_of, runs_where
from reports.metric import ACCURACY, Metric
from reports.statistics.estimate import Estimate, metric_estimate
from reports.statistics.finalists import by_held_out
from reports.text import measured

from ..stores.connect import open_mlflow
from ..stores.heartbeat import TAG, known_driver
from ..stores.home import Home
from ..stores.locks import holder
from ..stores.study_names import UnknownStudyError, require_store
from .missing_runs import find_missing_runs
from .overview import TROUBLES_KEPT, Best, Overview, RunningRun, best_settings, trouble
from .snapshot import held_lines


@dataclass(frozen=True)
class RunStatus:
    """One run; `best` on validation data is None before the first epoch."""

    label: str
    trial: str
    state: str
    best: float | None
    epoch: int = 0
    """Finished epochs; only read for a run in progress."""
    params: dict[str, str] = field(default_factory=dict)
    message: str = ""
    reused: bool = False
    """Whether its results are those of an earlier training."""
    held_out: float | None = None
    """Its accuracy on held-out validation tasks."""


@dataclass(frozen=True)
class BestTrial:
    """The trial with the best score over its runs; `value` is their validation value."""

    label: str
    value: Estimate
    params: dict[str, str]
    score: float
    held_out: float | None = None


@dataclass(frozen=True)
class StudyStatus:
    """One study: its runs in the order in which they started."""

    name: str
    kind: str
    experiment_id: str
    searched: tuple[str, ...]
    runs: tuple[RunStatus, ...]
    driver: str = ""
    """The running driver: host, process, start time; empty if none."""
    score: str = "mean"
    """[study] score: how trials with several seeds are ranked."""
    problem: str = ""
    """What cannot be read, and the remedy."""
    held: tuple[str, ...] = ()
    """One line for each run that waits for another process, naming it."""
    missing: str = ""
    """Which ended runs are missing in MLflow, and how to restore them; empty if none."""
    notes: tuple[str, ...] = ()
    planned: int = 0
    """Runs that the study wants in the end; 0 if only hours limit it, or while its spec cannot be read."""
    metric: Metric = ACCURACY
    finalists: int = 0
    """[study] finalists: how many of the best trials are ranked by their held-out accuracy."""

    @property
    def overview(self) -> Overview:
        """The overview that `mamlab status` shows."""
        running = [_running(run) for run in self.runs if run.state == records.RUNNING]
        troubles = [trouble(run.state, run.label, run.message) for run in self.runs if run.message]
        best = self.best if self.kind == records.SEARCH else None
        settings = best_settings(self.searched, best.params) if best else {}
        shown = Best(best.label, measured(best.value, self.metric), settings) if best else None
        return Overview(
            self.name, self.kind, self.experiment_id, self.counts, self.planned, tuple(running), shown,
            tuple(troubles[-TROUBLES_KEPT:]), self.driver, self.problem, self.held, self.missing, self.notes,
            metric=self.metric, at=time.time(), reused=self.reused,
        )  # fmt: skip

    @property
    def counts(self) -> dict[str, int]:
        """Runs by state."""
        return dict(Counter(run.state for run in self.runs))

    @property
    def reused(self) -> int:
        """Number of ended runs whose results are those of an earlier training."""
        return sum(run.reused and run.state in records.ENDED for run in self.runs)

    @property
    def best(self) -> BestTrial | None:
        """The best trial with all runs complete; None if there is none. In an ablation every run is a trial."""
        trials: dict[str, list[RunStatus]] = {}
        for run in self.runs:
            trials.setdefault(run.trial, []).append(run)
        most = max(map(len, trials.values()), default=0)  # a trial with fewer runs is not complete yet
        whole = [runs for runs in trials.values() if len(runs) == most and all(map(_counts, runs))]
        known = [_summary(runs, self.score, self.metric) for runs in whole]
        sign = self.metric.sign
        few = sorted(known, key=lambda trial: -sign * trial.score)[: max(1, self.finalists)]
        placed = by_held_out(few, lambda trial: trial.held_out, sign) if self.finalists else few
        return next(iter(placed or few), None)


def _running(run: RunStatus) -> RunningRun:
    return RunningRun(run.label, run.epoch, run.params.get("budget.epochs", "?"), run.best)


def _counts(run: RunStatus) -> bool:
    return run.state == records.COMPLETE and run.best is not None


def _summary(runs: list[RunStatus], score: str, metric: Metric) -> BestTrial:
    first = runs[0]
    label = first.label if len(runs) == 1 else first.label.partition(" / seed ")[0]
    values = [run.best for run in runs if run.best is not None]
    from reports.statistics.summary import trial_score  # with SciPy

    held_out = [run.held_out for run in runs if run.held_out is not None]
    return BestTrial(
        label, metric_estimate(metric, values), first.params, trial_score(values, score, metric.sign),
        trial_score(held_out, score) if len(held_out) == len(runs) else None,
    )  # fmt: skip


def read_studies(home: Home) -> list[StudyStatus]:
    """Return all studies of `home`, newest first. Raises UnknownStudyError if there are none."""
    client = _client(home)
    found = [_read(client, home, experiment) for experiment in experiments_where(client)]
    return [status for status in found if status is not None]


def read_study(home: Home, name: str) -> StudyStatus:
    """Return one study. Raises UnknownStudyError, listing the studies that exist."""
    client = _client(home)
    experiment = find_experiment(client, name)
    status = _read(client, home, experiment) if experiment else None
    if status is None:
        known = ", ".join(study.name for study in read_studies(home)) or "none"
        raise UnknownStudyError(f"no study named {name!r} in {home.root} (studies: {known})")
    return status


def _client(home: Home) -> Any:
    require_store(home)
    return open_mlflow(home)


def _read(client: Any, home: Home, experiment: Any) -> StudyStatus | None:
    """Return the study in `experiment`, None if mamlab did not make it."""
    runs = list(runs_where(client, [experiment.experiment_id]))
    parent = parent_of(client, experiment.experiment_id)
    if parent is None:
        return None
    tags, name = parent.data.tags, study_of(experiment, parent)
    facts, problem = _facts(client, parent)
    driver = driver_of(home, name, tags.get(TAG, ""))
    children = tuple(
        _run_status(client, run, bool(driver))
        for run in runs
        if run.data.tags.get(records.TAG_ROLE) == records.ROLE_RUN
    )
    held = tuple(held_lines(home, json.loads(tags.get(records.TAG_HELD) or "{}"))) if driver else ()
    kind = tags.get(records.TAG_KIND, "")
    searched, score = (
        tuple(facts.get(records.TAG_SEARCHED, ())),
        facts.get(records.TAG_SCORE, tags.get(records.TAG_SCORE, "mean")),
    )
    known = {key_of(run) for run in runs if run.data.tags.get(records.TAG_ROLE) == records.ROLE_RUN}
    spec = spec_of(client, parent)
    lost = find_missing_runs(home, client, name, experiment.experiment_id, spec, parent, known)
    notes = tuple(filter(None, (renamed(experiment, name), lost.cannot)))
    return StudyStatus(
        name, kind, experiment.experiment_id, searched, children, driver, score, problem, held, lost.text, notes,
        _planned(spec), metric_of(tags), facts.get(records.TAG_FINALISTS, 0),
    )  # fmt: skip


def _planned(spec: str) -> int:
    """Return how many runs a spec plans; 0 if limited only by hours, or if it cannot be read."""
    from ..spec.config import SpecError
    from ..spec.parsing import parse_spec
    from .plan import planned_runs
    from .trial_end import runs_per_trial

    try:
        config = parse_spec(spec, started=True)
    except SpecError:
        return 0
    if config.kind == records.SEARCH:
        return (config.budget.trials or 0) * runs_per_trial(config)
    return len(list(planned_runs(config)))


def _facts(client: Any, parent: Any) -> tuple[dict[str, Any], str]:
    """Return the study's facts, and a problem if they cannot be read (its runs still can)."""
    try:
        return read_facts(client, parent), ""
    except records.ReportError as error:
        return {}, str(error)


def driver_of(home: Home, study: str, tag: str) -> str:
    """Return the running driver, empty if none: from the lock in this home, or from the heartbeat in the store."""
    return holder(home.locks / f"{study}.lock") or known_driver(tag, home.root)


def _run_status(client: Any, run: Any, driven: bool) -> RunStatus:
    tags, metrics, params = run.data.tags, run.data.metrics, run.data.params
    state = tags.get(records.TAG_STATE, records.RUNNING)
    if state == records.RUNNING and not driven:  # its driver died
        state = records.INTERRUPTED
    return RunStatus(
        label=run.info.run_name or run.info.run_id,
        trial=tags.get(records.TAG_TRIAL, run.info.run_id),
        state=state,
        best=metrics.get(metric_of(tags).best_validation, metrics.get(metric_of(tags).validation)),
        epoch=_epoch(client, run) if state == records.RUNNING else 0,
        params=dict(params),
        message=tags.get(records.TAG_MESSAGE, ""),
        reused=records.TAG_REUSED_FROM in tags,
        held_out=metrics.get(records.HELD_OUT_ACCURACY),
    )


def _epoch(client: Any, run: Any) -> int:
    history = client.get_metric_history(run.info.run_id, metric_of(run.data.tags).validation)
    return max((point.step for point in history), default=0)
