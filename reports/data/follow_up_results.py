"""Reads from MLflow, or a report, how a search's trials did in follow-up studies on fresh seeds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .. import records as names
from ..origin import FreshSeeds, origin_of
from ..records import ReportError, RunRecord, StudyInfo
from .facts import read_facts
from .files import read_rows
from .mlflow_runs import experiments_where, metric_of, quoted, runs_where

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run


def fresh_seeds(client: MlflowClient, search: str) -> tuple[FreshSeeds, ...]:
    """Return each trial of `search` that a promoted study, or an ablation of the winner, trained again, best first."""
    everywhere = [experiment.experiment_id for experiment in experiments_where(client)]
    where = f"tags.{names.TAG_ORIGIN_SEARCH} = {quoted(search)} and tags.{names.TAG_ROLE} = '{names.ROLE_STUDY}'"
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
    for arm, trial in sorted(info.origin.trials.items(), key=lambda one: one[1].place(info.measured.sign)):
        base = _base_of(arm, (pair for family in info.families for pair in family.comparisons))
        ours, theirs = (_complete(records, name) for name in (arm, base))
        validation, test, base_validation, base_test = (
            tuple(run.metrics[name] for run in own if name in run.metrics)
            for own in (ours, theirs)
            for name in (info.measured.best_validation, info.measured.test)
        )
        if ours:
            ids = tuple(run.run_id for run in ours)
            yield FreshSeeds(
                info.name, info.experiment_id, arm, trial, validation, test, ids, base, base_validation, base_test
            )


def _complete(records: Sequence[RunRecord], arm: str) -> list[RunRecord]:
    """Return an arm's complete runs by seed."""
    ours = [run for run in records if run.arm == arm and run.state == names.COMPLETE and run.seed is not None]
    return sorted(ours, key=lambda run: run.seed or 0)


def _base_of(arm: str, pairs: Iterable[Sequence[str]]) -> str:
    """Return what `arm` is compared to in `pairs` (arm, base); "" for none."""
    return next((base for one, base in pairs if one == arm), "")


def _of_study(client: MlflowClient, parent: Run) -> Iterator[FreshSeeds]:
    complete = f"tags.{names.TAG_ROLE} = '{names.ROLE_RUN}' and tags.`{names.TAG_STATE}` = '{names.COMPLETE}'"
    found = runs_where(client, [parent.info.experiment_id], complete)
    runs = sorted(found, key=lambda run: int(run.data.tags[names.TAG_SEED]))
    if not runs:
        return
    metric, facts = metric_of(runs[0].data.tags), read_facts(client, parent)
    trials = origin_of(facts[names.TAG_ORIGIN]).trials
    pairs = [pair for _, own in facts.get(names.TAG_FAMILIES, ()) for pair in own]
    for arm, trial in sorted(trials.items(), key=lambda one: one[1].place(metric.sign)):
        base = _base_of(arm, pairs)
        ours, theirs = ([run for run in runs if run.data.tags.get(names.TAG_ARM) == name] for name in (arm, base))
        if ours:
            validation, test, base_validation, base_test = (
                tuple(run.data.metrics[name] for run in own if name in run.data.metrics)
                for own in (ours, theirs)
                for name in (metric.best_validation, metric.test)
            )
            study, ids = parent.data.tags[names.TAG_STUDY], tuple(run.info.run_id for run in ours)
            yield FreshSeeds(
                study, parent.info.experiment_id, arm, trial, validation, test, ids, base, base_validation, base_test
            )
