"""Writes to MLflow runs, combining metrics that follow quickly into one batch."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from trainers.results import AnyEpoch

if TYPE_CHECKING:
    from mlflow.entities import Metric

WRITE_SECONDS = 5.0
"""Epochs that follow each other faster than this are written together."""
METRICS_AT_ONCE = 500
"""MLflow accepts at most 1,000 metrics in a batch."""


class MlflowWriter:
    """Writes to the runs of one experiment.

    Args:
        client: the MLflow client.
        common_tags: tags of every new run.
    """

    def __init__(self, client: Any, experiment_id: str, common_tags: Mapping[str, str]) -> None:
        self._client, self._experiment_id, self._common = client, experiment_id, common_tags
        self._waiting: dict[str, list[Metric]] = {}
        self._written: dict[str, float] = {}

    def create(self, name: str, tags: Mapping[str, str]) -> str:
        """Create a run and return its id."""
        now = round(time.time() * 1000)
        run = self._client.create_run(self._experiment_id, start_time=now, tags={**self._common, **tags}, run_name=name)
        run_id: str = run.info.run_id
        return run_id

    def keep(self, run_id: str, values: Mapping[str, float], at: AnyEpoch) -> None:
        """Queue metrics, with the end time of epoch `at`, for the next write to the run."""
        self._waiting.setdefault(run_id, []).extend(_metrics(values, at))

    def is_due(self, run_id: str) -> bool:
        """Whether queued metrics of a run should be written now: there are many, or the last write is seconds ago."""
        many = len(self._waiting.get(run_id, ())) >= METRICS_AT_ONCE
        return many or time.monotonic() - self._written.get(run_id, 0.0) >= WRITE_SECONDS

    def log(
        self, run_id: str, *, params: Mapping[str, str] | None = None, tags: Mapping[str, str] | None = None
    ) -> None:
        """Write to a run, including its queued metrics."""
        from mlflow.entities import Param, RunTag

        all_metrics = self._waiting.get(run_id, [])
        all_params = [Param(name, value) for name, value in (params or {}).items()]
        all_tags = [RunTag(name, value) for name, value in (tags or {}).items()]
        self._client.log_batch(run_id, all_metrics, all_params, all_tags)
        self._waiting.pop(run_id, None)
        self._written[run_id] = time.monotonic()


def _metrics(values: Mapping[str, float], at: AnyEpoch) -> list[Metric]:
    from mlflow.entities import Metric

    when = round(at.finished_at * 1000)
    return [Metric(name, float(value), when, at.epoch) for name, value in values.items()]
