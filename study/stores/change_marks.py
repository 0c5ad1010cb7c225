"""Change detection for a home's stores: cheap marks that differ when content changed, read from SQLite in milliseconds.

For a store on a server only the URL is compared.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from reports import records

from .home import Home
from .urls import redact

STUDIES = f"""
SELECT e.name, t.value FROM experiments e JOIN runs r USING (experiment_id) JOIN tags t USING (run_uuid)
WHERE e.lifecycle_stage = 'active' AND r.lifecycle_stage = 'active' AND t.key = '{records.TAG_STUDY}'
AND EXISTS (SELECT 1 FROM tags o WHERE o.run_uuid = r.run_uuid AND o.key = '{records.TAG_ROLE}'
            AND o.value = '{records.ROLE_STUDY}')
ORDER BY CAST(e.experiment_id AS INTEGER) DESC
"""
OF_MLFLOW = (
    "SELECT name, lifecycle_stage, last_update_time FROM experiments WHERE experiment_id = ?",
    "SELECT lifecycle_stage, status, COUNT(*), MAX(end_time), MAX(deleted_time) FROM runs WHERE experiment_id = ?"
    " GROUP BY 1, 2 ORDER BY 1, 2",
    "SELECT t.key, t.value, COUNT(*) FROM tags t JOIN runs r USING (run_uuid) WHERE r.experiment_id = ? AND t.key IN"
    f" ('{records.TAG_STATE}', '{records.TAG_ROLE}') GROUP BY 1, 2 ORDER BY 1, 2",
    "SELECT COUNT(*), TOTAL(m.value) FROM latest_metrics m JOIN runs r USING (run_uuid) WHERE r.experiment_id = ?"
    " AND m.key LIKE 'best_val_%'",
)
OF_OPTUNA = (
    "SELECT study_id FROM studies WHERE study_name = ?",
    "SELECT t.state, COUNT(*), MAX(t.datetime_complete) FROM trials t JOIN studies s USING (study_id)"
    " WHERE s.study_name = ? GROUP BY 1 ORDER BY 1",
    "SELECT a.key, a.value_json FROM study_user_attributes a JOIN studies s USING (study_id)"
    " WHERE s.study_name = ? AND a.key = 'mamlab.superseded'",
)
Marks = list[Any]


def identity(home: Home) -> Marks:
    """Return the identity of both stores as JSON values: device and inode of a SQLite file, or a server's URL.

    Raises OSError if a file does not exist.
    """
    found: Marks = [str(home.root)]
    for url, file in ((home.mlflow_url, home.mlflow_db), (home.optuna_url, home.optuna_db)):
        found.append([file.stat().st_dev, file.stat().st_ino] if url.startswith("sqlite") else redact(url))
    return found


def content(home: Home, study: str, experiment_id: str) -> Marks | None:
    """Return counts and times of a study's rows, which differ after a change; None for a server.

    Raises OSError, sqlite3.Error for files that cannot be read.
    """
    if not _on_disk(home):
        return None
    with _reading(home.mlflow_db) as mlflow, _reading(home.optuna_db) as optuna:
        rows = [mlflow.execute(question, (experiment_id,)).fetchall() for question in OF_MLFLOW]
        rows += [optuna.execute(question, (study,)).fetchall() for question in OF_OPTUNA]
    return [[list(row) for row in found] for found in rows]


def studies(home: Home) -> list[str] | None:
    """Return the names of a home's studies, newest first; None if a store is on a server or unreadable."""
    if not _on_disk(home):
        return None
    with suppress(OSError, sqlite3.Error), _reading(home.mlflow_db) as mlflow:
        return list(dict.fromkeys(name for _, name in mlflow.execute(STUDIES)))
    return None


def _on_disk(home: Home) -> bool:
    return home.mlflow_url.startswith("sqlite") and home.optuna_url.startswith("sqlite")


@contextmanager
def _reading(file: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=2.0)) as database:
        yield database
