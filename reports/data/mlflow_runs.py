"""Pages through MLflow's runs and experiments."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ..metric import ACCURACY, Metric
from ..records import TAG_METRIC, TAG_SEED, TAG_TRIAL

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment, Run

PAGE = 1000
"""Runs per request: ten thousand runs in one response take 520 MB, in pages 64 MB."""


ACTIVE, DELETED, ALL = 1, 2, 3
"""MLflow's `ViewType` for active, for deleted, and for all runs and experiments."""


def runs_where(client: MlflowClient, experiments: Sequence[str], where: str = "", view: int = ACTIVE) -> Iterator[Run]:
    """Yield the runs of these experiments that match the filter `where`, oldest first."""
    token: str | None = None
    while True:
        page = client.search_runs(
            list(experiments), where, view, max_results=PAGE, order_by=["attributes.start_time ASC"], page_token=token
        )
        yield from page
        token = page.token
        if not token:
            return


def experiments_where(client: MlflowClient, where: str | None = None, view: int = ACTIVE) -> Iterator[Experiment]:
    """Yield the experiments that match the filter `where`, in MLflow's order."""
    token: str | None = None
    while True:
        page = client.search_experiments(view, filter_string=where, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def quoted(text: str) -> str:
    """Return a text as a filter writes it. MLflow has no escapes: with both kinds of quotes, the double ones are left
    out, which names no study of ours.
    """
    return f"'{text}'" if "'" not in text else '"' + text.replace('"', "") + '"'


def key_of(run: Run) -> tuple[int, int]:
    """Return the trial and seed of a study's run."""
    return int(run.data.tags[TAG_TRIAL]), int(run.data.tags[TAG_SEED])


def metric_of(tags: Mapping[str, str]) -> Metric:
    """Return what a run is measured by, by its tags."""
    return Metric(**json.loads(tags[TAG_METRIC])) if TAG_METRIC in tags else ACCURACY
