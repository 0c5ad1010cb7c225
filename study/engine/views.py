"""Saved views of a study for the MLflow UI.

The format is the UI's own (MLflow 3.17), and nothing depends on it. Every view is sorted by a metric: sorted by
creation, the UI adds the parent run to the rows, and to the means over seeds.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from reports import records
from reports import summary_runs as shown
from reports.links import LAYOUT
from reports.metric import ACCURACY, Metric

from . import differs

TAG = "mlflow.sharedViewState."
SUMMARY = "summary"
"""Key of the view of a study's summary runs, which its reports write."""
OPENED = (SUMMARY, "trials", "arms", "runs")
"""Keys of the views, the one that is opened first."""
SECTION = "mamlab"
CHARTS = "&compareRunsMode=CHART"
CARD_HEIGHT = 400
"""Height of a chart, in pixels."""

Chart = dict[str, Any]


@dataclass(frozen=True)
class View:
    """One saved view: `key` is its name in URLs, `columns` are the table's columns as the UI names them.

    `charts` are the rows of charts, by title.
    """

    key: str
    name: str
    order_by: str
    columns: tuple[str, ...]
    charts: Mapping[str, tuple[Chart, ...]]
    group_by: str | None = None
    role: str = records.ROLE_RUN
    where: str = ""
    """MLflow's filter in place of the role's; such a view is not in the UI's menu."""
    rising: bool = False

    def state(self) -> str:
        """Return the view as the UI stores it."""
        group = {"aggregateFunction": "average", "groupByKeys": [{"mode": "tag", "groupByData": self.group_by}]}
        sections = {title: f"{SECTION}-{i}" for i, title in enumerate(self.charts)}
        return json.dumps(
            {
                "searchFilter": self.where or f"tags.{records.TAG_ROLE} = '{self.role}'",
                "orderByKey": self.order_by,
                "orderByAsc": self.rising,
                "selectedColumns": list(self.columns),
                "groupBy": group if self.group_by else None,
                "compareRunCharts": [c for t, key in sections.items() for c in _cards(key, self.charts[t])],
                "compareRunSections": [_section(key, t, len(self.charts[t])) for t, key in sections.items()],
                "isAccordionReordered": True,
                "useGroupedValuesInCharts": True,
                "runsHiddenMode": "SHOW_ALL",
                "lifecycleFilter": "Active",
                "modelVersionFilter": "All Runs",
                "startTime": "ALL",
                "datasetsFilter": [],
            }
        )


def _cards(section: str, charts: tuple[Chart, ...]) -> list[Chart]:
    common = {"metricSectionId": section, "deleted": False, "isGenerated": False, "runsCountToCompare": 100}
    return [{"uuid": f"{section}-{i}", **common, **chart} for i, chart in enumerate(charts)]


def _section(key: str, title: str, charts: int) -> dict[str, Any]:
    shown = {"display": True, "isReordered": True, "isGenerated": False}
    return {"uuid": key, "name": title, "columns": charts, "cardHeight": CARD_HEIGHT, **shown}


def line(metric: str) -> Chart:
    """Return a chart of a metric over epochs, not smoothed."""
    plain = {"lineSmoothness": 0, "useGlobalLineSmoothing": False}  # the UI's default smoothing misses the points
    return {"type": "LINE", "metricKey": metric, "selectedMetricKeys": [metric], "xAxisKey": "step", **plain}


def bar(metric: str) -> Chart:
    """Return a chart of a metric's last value by run, or by group."""
    return {"type": "BAR", "metricKey": metric}


def parallel(params: list[str], metric: str) -> Chart:
    """Return parallel coordinates: how each run's settings lead to its result."""
    return {"type": "PARALLEL", "selectedParams": params, "selectedMetrics": [metric], "showAllRuns": True}


def views_of(kind: str, searched: Sequence[str] = (), means: bool = False, metric: Metric = ACCURACY) -> list[View]:
    """Return the views that suit the kind of study, whose runs are measured by `metric`: the best first.

    `searched` are the dotted names that a search varies; `means`: it has summary runs, as its trials have several
    seeds.
    """
    best, test = (f"metrics.`{name}`" for name in (metric.best_validation, metric.test))
    state, duration = f"tags.`{records.TAG_STATE}`", "attributes.`Duration`"
    apart = f"tags.`{differs.TAG}`"
    curves = (line(metric.validation), *([line(records.TRAIN_LOSS)] * (metric == ACCURACY)))
    rising = metric.better == "lower"
    if kind == records.SEARCH:
        paths = sorted(searched)
        # Parallel coordinates need settings that every run has: those that are always sampled.
        always = [path for path in paths if "." not in path or path.split(".")[0] not in paths]
        columns = (
            best,
            f"metrics.`{records.EPOCHS_RUN}`",
            state,
            apart,
            *(f"params.`{path}`" for path in paths),
            duration,
        )
        charts = {"Settings and result": (parallel(always, metric.best_validation),), "Curves": curves}
        trials = View("trials", "Trials, best first", best, columns, charts, rising=rising)
        return [trials, *([_trial_means(state, metric)] if means else [])]
    columns = (f"tags.`{records.TAG_ARM}`", f"tags.`{records.TAG_SEED}`", apart, test, best, state, duration)
    charts = {metric.heading.capitalize(): (bar(metric.test), curves[0]), "Training": curves[1:]}
    runs = View("runs", "Runs, best first", test, columns, charts, rising=rising)
    if kind == records.TRAIN:
        return [runs]
    grouped = View("arms", "Arms, means over seeds", test, columns, charts, group_by=records.TAG_ARM, rising=rising)
    return [_arm_means(metric), grouped, runs]


def _arm_means(metric: Metric) -> View:
    """Return the view of an ablation's summary runs."""
    shown_metrics = [shown.MEAN, shown.LOW, shown.HIGH, shown.DIFFERENCE, shown.DIFFERENCE_LOW, shown.DIFFERENCE_HIGH]
    shown_metrics += [shown.P, shown.P_ADJUSTED, shown.SEEDS, shown.DIVERGED]
    tags = (records.TAG_ARM, shown.BASE, shown.VERDICT)
    columns = (*(f"tags.`{name}`" for name in tags), *(f"metrics.`{name}`" for name in shown_metrics))
    bars = {metric.with_unit("Means and differences"): (bar(shown.MEAN), bar(shown.DIFFERENCE))}
    order, rising = f"metrics.`{shown.MEAN}`", metric.better == "lower"
    return View(SUMMARY, "Arm summaries", order, columns, bars, role=records.ROLE_SUMMARY, rising=rising)


def _trial_means(state: str, metric: Metric) -> View:
    """Return the view of the summary runs of a search with several seeds a trial."""
    shown_metrics = (shown.SCORE, shown.MEAN, shown.LOW, shown.HIGH, shown.SEEDS, records.COMPUTE)
    columns = (f"tags.`{records.TAG_TRIAL}`", state, *(f"metrics.`{name}`" for name in shown_metrics))
    bars = {metric.with_unit("Means"): (bar(shown.MEAN), bar(shown.SCORE))}
    order, rising = f"metrics.`{shown.SCORE}`", metric.better == "lower"
    return View(SUMMARY, "Trial summaries", order, columns, bars, role=records.ROLE_SUMMARY, rising=rising)


def view_path(experiment_id: str, view: str = "") -> str:
    """Return the URL of an experiment's run table in the UI, with a saved view or the UI's default."""
    key = f"&viewStateShareKey={view}" if view else ""
    return f"#/experiments/{experiment_id}/runs?{LAYOUT}{key}"


def saved_views(tags: Mapping[str, str]) -> dict[str, str]:
    """Return key and name of the views in an experiment's tags, the one to open first; the default view if there are
    none.
    """
    stored = {tag.removeprefix(TAG): value for tag, value in tags.items() if tag.startswith(TAG)}
    order = sorted(stored, key=lambda key: (OPENED.index(key) if key in OPENED else len(OPENED), key))
    return {key: name for key in order if (name := _name(stored[key]))} or {"": "Runs"}


def _name(value: str) -> str:
    """Return the name of a stored view; empty for one shared from the UI, which has another format."""
    try:
        return str(json.loads(value)["name"])
    except (ValueError, KeyError, TypeError):
        return ""


def write_views(
    client: Any, experiment_id: str, views: Sequence[View], filters: Mapping[str, str] | None = None
) -> None:
    """Write the views into the experiment's tags; for each of `filters`, key -> filter, the last of them filtered by
    it.
    """
    now, there = round(time.time() * 1000), client.get_experiment(experiment_id).tags
    for view in views:
        entry = {"name": view.name, "createdAt": now, "updatedAt": now, "state": view.state()}
        client.set_experiment_tag(experiment_id, TAG + view.key, json.dumps(entry))
    for key, where in (filters or {}).items():
        state = replace(views[-1], key=key, where=where).state()
        if there.get(TAG + key) != state:
            client.set_experiment_tag(experiment_id, TAG + key, state)
