"""One MLflow run an arm with its mean, interval, difference and p, so that the UI's table and charts compare arms."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

from reports import records
from reports.comparison import Comparison
from reports.records import RunRecord, StudyInfo
from reports.summary import Ablation, Arm, summarise_ablation

TAG_BASE = "base"


def write_summaries(client: Any, info: StudyInfo, runs: Sequence[RunRecord], parent_id: str) -> None:
    """Write a run with the role "summary" for each arm of an ablation, below the parent; those there are brought up to date.

    A summary of an arm that the study no longer has is deleted.
    """
    if info.kind != records.ABLATION:
        return
    found = summarise_ablation(runs, info)
    where = f"tags.{records.TAG_ROLE} = '{records.ROLE_SUMMARY}'"
    known = {run.data.tags[records.TAG_ARM]: run for run in client.search_runs([info.experiment_id], where)}
    for arm in found.arms:
        run = known.pop(arm.name, None)
        comparison = next(iter(found.against(arm.name)), None)
        run_id = run.info.run_id if run else _create(client, info, arm, parent_id, comparison)
        _log(client, run_id, summary_metrics(found, arm), run.data.metrics if run else {})
        if run is None:
            client.set_terminated(run_id)
    for gone in known.values():
        client.delete_run(gone.info.run_id)


def summary_metrics(found: Ablation, arm: Arm) -> dict[str, float]:
    """Return what the arm's summary run says; differences are those of its first comparison. Nothing that is not a number."""
    metric = found.metric
    comparison = next(iter(found.against(arm.name)), None)
    values: dict[str, float | None] = {
        f"{metric}_mean": arm.estimate.mean,
        f"{metric}_ci95_low": arm.estimate.low,
        f"{metric}_ci95_high": arm.estimate.high,
        "n_seeds": arm.estimate.n,
        "diverged": arm.counts.get(records.DIVERGED, 0),
        **(_difference(comparison) if comparison else {}),
    }
    return {name: float(value) for name, value in values.items() if value is not None and math.isfinite(value)}


def _difference(found: Comparison) -> dict[str, float | None]:
    return {
        "difference": found.estimate.mean,
        "difference_ci95_low": found.estimate.low,
        "difference_ci95_high": found.estimate.high,
        "p": found.test.p,
        "p_holm": found.test.adjusted,
    }


def _create(client: Any, info: StudyInfo, arm: Arm, parent_id: str, comparison: Comparison | None) -> str:
    tags = {
        records.TAG_ROLE: records.ROLE_SUMMARY,
        records.TAG_PARENT: parent_id,
        records.TAG_STUDY: info.name,
        records.TAG_KIND: info.kind,
        records.TAG_ARM: arm.name,
        **({TAG_BASE: comparison.base} if comparison else {}),
    }
    run = client.create_run(info.experiment_id, start_time=_now(), tags=tags, run_name=f"{arm.name} (mean over seeds)")
    run_id: str = run.info.run_id
    return run_id


def _log(client: Any, run_id: str, values: Mapping[str, float], logged: Mapping[str, float]) -> None:
    """Write what changed; a number that is gone (its runs are) stays at its last value, which `n_seeds` tells apart."""
    from mlflow.entities import Metric

    changed = {name: value for name, value in values.items() if logged.get(name) != value}
    if changed:
        client.log_batch(run_id, [Metric(name, value, _now(), 0) for name, value in changed.items()])


def _now() -> int:
    return round(time.time() * 1000)
