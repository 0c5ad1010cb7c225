"""The ended runs of a study, which its next start does not train again."""

from __future__ import annotations

from reports import records
from reports.data.experiments import find_experiment
from reports.data.mlflow_runs import runs_where

from ..stores.connect import open_mlflow
from ..stores.home import Home


def ended_cells(home: Home, study: str) -> tuple[str, ...]:
    """Return the cells of the runs of a study that are complete, pruned or diverged, by MLflow; none without a store.

    Raises StoreUnreachable, ReportError for an experiment that was deleted.
    """
    if home.mlflow_url.startswith("sqlite") and not home.mlflow_db.exists():
        return ()
    client = open_mlflow(home)
    experiment = find_experiment(client, study)
    if experiment is None:
        return ()
    where = f"tags.{records.TAG_ROLE} = '{records.ROLE_RUN}'"
    runs = runs_where(client, [experiment.experiment_id], where)
    ended = (records.COMPLETE, records.PRUNED, records.DIVERGED)
    return tuple(run.data.tags[records.TAG_CELL] for run in runs if run.data.tags.get(records.TAG_STATE) in ended)
