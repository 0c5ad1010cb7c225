"""Where a number of a report leads in the MLflow UI: a run, or a table of the runs that it comes from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from urllib.parse import quote, urlsplit

from . import records as names
from .metric import ACCURACY, Metric
from .records import RunRecord, StudyInfo

LAYOUT = "workflowType=machine_learning"
"""A fresh browser opens experiments on empty pages for language models; this asks for the training layout."""
MOST_LINKED = 50
"""Runs in one filter, as a longer address is refused by some servers; a number of more runs leads to the list of all
runs.
"""
LOOPBACK = ("127.0.0.1", "localhost", "::1")
OF_RUNS = f"tags.{names.TAG_ROLE} = '{names.ROLE_RUN}'"


def is_address(address: str | None) -> bool:
    """Return whether a browser opens `address`."""
    return bool(address and address.startswith(("http://", "https://")))


def is_shared(address: str | None) -> bool:
    """Return whether others than the users of this machine may reach `address`."""
    return is_address(address) and urlsplit(str(address)).hostname not in LOOPBACK


def link(
    address: str, experiment_id: str, runs: Sequence[str], views: Mapping[str, str], metric: Metric = ACCURACY
) -> str:
    """Return the page of a run, or the table of several: in a view of `views` (run -> key of its arm's) if they are of
    one arm, else filtered by the runs.
    """
    base = f"{address.rstrip('/')}/#/experiments/{quote(experiment_id)}/runs"
    if len(runs) == 1:
        return f"{base}/{quote(runs[0])}"
    keys = {views.get(run, "") for run in runs}
    if len(keys) == 1 and (key := keys.pop()):
        return f"{base}?{LAYOUT}&viewStateShareKey={key}"
    where = OF_RUNS if len(runs) > MOST_LINKED else one_of(runs)
    # Unsorted, the UI shows the parent run, and folds these.
    order, rising = quote(f"metrics.`{metric.best_validation}`"), "true" if metric.better == "lower" else "false"
    return f"{base}?{LAYOUT}&searchFilter={quote(where)}&orderByKey={order}&orderByAsc={rising}"


def one_of(runs: Sequence[str]) -> str:
    """Return MLflow's filter for these runs."""
    return "attributes.run_id IN (" + ", ".join(f"'{run}'" for run in runs) + ")"


def arm_views(records: Collection[RunRecord], info: StudyInfo) -> dict[str, str]:
    """Return run -> key of the saved view of its arm's runs; none for a study without arms."""
    if info.kind != names.ABLATION:
        return {}
    return {one.run_id: _key(one.arm) for one in records if one.arm and one.experiment_id == info.experiment_id}


def arm_filters(records: Collection[RunRecord], info: StudyInfo) -> dict[str, str]:
    """Return key -> MLflow's filter, of the views that `arm_views` names."""
    keys = arm_views(records, info)
    runs: dict[str, list[RunRecord]] = {}
    for one in records:
        if one.run_id in keys:
            runs.setdefault(keys[one.run_id], []).append(one)
    return {key: _filter(found) for key, found in runs.items()}


def _key(arm: str) -> str:
    return f"arm-{hashlib.sha256(json.dumps(arm).encode()).hexdigest()[:12]}"


def _filter(runs: Sequence[RunRecord]) -> str:
    arm = str(runs[0].arm)
    mark = next((mark for mark in "'\"" if mark not in arm), "")
    if not mark:  # MLflow's filters have no way to write both
        return one_of([one.run_id for one in runs][:MOST_LINKED])
    return f"{OF_RUNS} AND tags.{names.TAG_ARM} = {mark}{arm}{mark}"
