"""Reads from MLflow, or a report, how a search's trials did in follow-up studies on fresh seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .. import records as names
from ..origin import FreshSeeds, origin_of
from ..records import ReportError, RunRecord, StudyInfo
from .facts import read_facts
from .files import read_rows
from .mlflow_runs import metric_of, runs_where

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run


def fresh_seeds(client: MlflowClient, search: str) -> tuple[FreshSeeds, ...]:
    """Return each trial of `search` that a promoted study, or an ablation of the winner, trained again, best first."""
    everywhere = [experiment.experiment_id for experiment in client.search_experiments()]
    where = f"tags.{names.TAG_ORIGIN_SEARCH} = '{search}' and tags.{names.TAG_ROLE} = '{names.ROLE_STUDY}'"
    found = [one for parent in runs_where(client, everywhere, where) for one in _of_study(client, parent)]
    return tuple(sorted(found, key=lambda one: one.study))


def fresh_in(folder: Path, search: str) -> tuple[FreshSeeds, ...]:
    """Return the trials of `search` in the report of a promoted study in `folder`. Raises ReportError if it is none."""
    info, records = read_rows(folder)
    if info.origin is None or info.origin.search != search:
        what = f'follows from the search "{info.origin.search}"' if info.origin else "follows from no search"
        raise ReportError(
            f'{folder} has the study "{info.name}", which {what}, not from "{search}"; name the report of a study that'
            " mamlab promote, or mamlab ablate --from, made of it"
        )
    return tuple(_of_records(info, records))


def _of_records(info: StudyInfo, records: Sequence[RunRecord]) -> Iterator[FreshSeeds]:
    assert info.origin is not None
    names_of = (info.measured.best_validation, info.measured.test)
    for arm, trial in sorted(info.origin.trials.items(), key=lambda one: one[1].place(info.measured.sign)):
        ours = [run for run in records if run.arm == arm and run.state == names.COMPLETE]
        ours = sorted((run for run in ours if run.seed is not None), key=lambda run: run.seed or 0)
        values = [tuple(run.metrics[name] for run in ours if name in run.metrics) for name in names_of]
        if ours:
            ids = tuple(run.run_id for run in ours)
            yield FreshSeeds(info.name, info.experiment_id, arm, trial, values[0], values[1], ids)


def _of_study(client: MlflowClient, parent: Run) -> Iterator[FreshSeeds]:
    complete = f"tags.{names.TAG_ROLE} = '{names.ROLE_RUN}' and tags.`{names.TAG_STATE}` = '{names.COMPLETE}'"
    found = runs_where(client, [parent.info.experiment_id], complete)
    runs = sorted(found, key=lambda run: int(run.data.tags[names.TAG_SEED]))
    if not runs:
        return
    metric, trials = metric_of(runs[0].data.tags), origin_of(read_facts(client, parent)[names.TAG_ORIGIN]).trials
    for arm, trial in sorted(trials.items(), key=lambda one: one[1].place(metric.sign)):
        ours = [run for run in runs if run.data.tags.get(names.TAG_ARM) == arm]
        if ours:
            validation, test = (
                tuple(run.data.metrics[name] for run in ours) for name in (metric.best_validation, metric.test)
            )
            study, ids = parent.data.tags[names.TAG_STUDY], tuple(run.info.run_id for run in ours)
            yield FreshSeeds(study, parent.info.experiment_id, arm, trial, validation, test, ids)
