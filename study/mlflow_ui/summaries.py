"""One MLflow run an arm, or a trial of several seeds, with its mean and interval, so that the UI's table and charts
compare them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reports import records
from reports import summary_runs as shown
from reports.data.mlflow_runs import runs_where
from reports.metric import Metric
from reports.records import StudyInfo
from reports.statistics.arms import Arm
from reports.statistics.comparison import Comparison
from reports.statistics.estimate import Estimate
from reports.statistics.summary import Ablation, Search, finite
from reports.statistics.trial import Trial


@dataclass(frozen=True)
class Summary:
    """What one summary run shows; its arm or trial among `tags` tells it from the others."""

    name: str
    tags: Mapping[str, str]
    metrics: Mapping[str, float]

    @property
    def key(self) -> str:
        """The arm or trial."""
        return key_of(self.tags)


def key_of(tags: Mapping[str, str]) -> str:
    """Return the arm or trial of a summary run with these `tags`."""
    return tags.get(records.TAG_ARM) or tags.get(records.TAG_TRIAL, "")


def write_summaries(client: Any, info: StudyInfo, study: Ablation | Search, parent_id: str) -> bool:
    """Write a run with the role "summary" for each arm, or trial of several seeds, below the parent; those there are
    brought up to date.

    A summary of what the study no longer has is deleted, and one with a number that is gone (its runs are) is made
    anew: MLflow keeps a metric's last value for good. Returns whether there are any.
    """
    found = summaries_of(info, study)
    if not found:
        return False
    where = f"tags.{records.TAG_ROLE} = '{records.ROLE_SUMMARY}'"
    known = {key_of(run.data.tags): run for run in runs_where(client, [info.experiment_id], where)}
    for summary in found:
        run = known.get(summary.key)
        if run and run.data.metrics.keys() <= summary.metrics.keys():
            del known[summary.key]
        else:
            run = None
        run_id = run.info.run_id if run else _create(client, info, summary, parent_id)
        _log(client, run_id, summary.metrics, run.data.metrics if run else {})
        for tag, text in summary.tags.items() if run else ():
            if run and run.data.tags.get(tag) != text:
                client.set_tag(run_id, tag, text)
        if run is None:
            client.set_terminated(run_id)
    for gone in known.values():
        client.delete_run(gone.info.run_id)
    return True


def summaries_of(info: StudyInfo, study: Ablation | Search) -> list[Summary]:
    """Return a summary for each arm of an ablation, or each trial of a search with several seeds a trial."""
    if isinstance(study, Search):
        trials = [trial for trial in study.trials if trial.number is not None]
        several = any(len(trial.records) > 1 for trial in trials)
        return [_of_trial(trial, info.measured) for trial in trials if trial.value.n] if several else []
    return [_of_arm(study, arm) for arm in study.arms] if info.kind == records.ABLATION else []


def _of_arm(found: Ablation, arm: Arm) -> Summary:
    comparison = next(iter(found.against(arm.name)), None)
    tags = {records.TAG_ARM: arm.name}
    if comparison:
        tags |= {shown.BASE: comparison.base, shown.VERDICT: comparison.finding}
    return Summary(f"{arm.name} (mean over seeds)", tags, summary_metrics(found, arm))


def _of_trial(trial: Trial, metric: Metric) -> Summary:
    first = trial.records[0]
    name = first.name.partition(" / seed ")[0]
    work = [value for record in trial.records if (value := finite(record, records.COMPUTE)) is not None]
    values: dict[str, float | None] = {
        **_mean(trial.value, metric),
        **_scaled([shown.SCORE], [trial.score], metric),
        records.COMPUTE: math.fsum(work) if work else None,
    }
    tags = {records.TAG_TRIAL: first.tags[records.TAG_TRIAL], records.TAG_STATE: trial.state}
    return Summary(f"{name} (mean over {trial.value.n} seeds)", tags, _numbers(values))


def summary_metrics(found: Ablation, arm: Arm) -> dict[str, float]:
    """Return what the arm's summary run says; differences are those of its first comparison. Nothing that is not a
    number.
    """
    comparison = next(iter(found.against(arm.name)), None)
    values: dict[str, float | None] = {
        **_mean(arm.estimate, found.metric),
        shown.DIVERGED: arm.counts.get(records.DIVERGED, 0),
        **(_difference(comparison, found.metric) if comparison else {}),
    }
    return _numbers(values)


def _numbers(values: Mapping[str, float | None]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items() if value is not None and math.isfinite(value)}


def _mean(found: Estimate, metric: Metric) -> dict[str, float | None]:
    names, ends = (shown.MEAN, shown.LOW, shown.HIGH), (found.mean, found.low, found.high)
    return {**_scaled(names, ends, metric), shown.SEEDS: found.n}


def _difference(found: Comparison, metric: Metric) -> dict[str, float | None]:
    names = (shown.DIFFERENCE, shown.DIFFERENCE_LOW, shown.DIFFERENCE_HIGH)
    return {
        **_scaled(names, (found.estimate.mean, found.estimate.low, found.estimate.high), metric),
        shown.P: found.test.p,
        shown.P_ADJUSTED: found.test.adjusted,
        shown.P_HOLM: found.test.holm,
        shown.EFFECT_SIZE: found.effect_size,
    }


def _scaled(names: Sequence[str], values: Sequence[float | None], metric: Metric) -> dict[str, float | None]:
    """Return values as people read them: accuracies in percent, to two decimals."""
    digits = 2 if metric.is_share else 12
    shown_as = [None if value is None else round(metric.scale * value, digits) for value in values]
    return dict(zip(names, shown_as, strict=True))


def _create(client: Any, info: StudyInfo, summary: Summary, parent_id: str) -> str:
    tags = {
        records.TAG_ROLE: records.ROLE_SUMMARY,
        records.TAG_PARENT: parent_id,
        records.TAG_STUDY: info.name,
        records.TAG_KIND: info.kind,
        **summary.tags,
    }
    run = client.create_run(info.experiment_id, start_time=_now(), tags=tags, run_name=summary.name)
    run_id: str = run.info.run_id
    return run_id


def _log(client: Any, run_id: str, values: Mapping[str, float], logged: Mapping[str, float]) -> None:
    """Write what changed."""
    from mlflow.entities import Metric

    changed = {name: value for name, value in values.items() if logged.get(name) != value}
    if changed:
        client.log_batch(run_id, [Metric(name, value, _now(), 0) for name, value in changed.items()])


def _now() -> int:
    return round(time.time() * 1000)
