"""Optuna's and MLflow's SQLite files: made once, under a lock, in WAL mode; a locked file is waited for."""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from .home import Home
from .locks import file_lock

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

T = TypeVar("T")

BUSY_SECONDS = 60
"""SQLite itself waits so long for another writer."""
PATIENCE_SECONDS = 1800
"""After so long a locked file is an error."""
_OPTUNA_WRITES = (
    "create_new_study",
    "create_new_trial",
    "set_trial_param",
    "_set_trial_param",  # what Optuna's cache calls
    "set_trial_state_values",
    "set_trial_intermediate_value",
    "set_trial_user_attr",
    "set_trial_system_attr",
    "set_study_user_attr",
    "set_study_system_attr",
)


def patiently(call: Callable[[], T], pause: float = 0.1) -> T:
    """Return what `call` returns; while the store says that it is locked, try again after growing pauses."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return call()
        except Exception as error:
            if not _is_locked(error) or time.monotonic() > deadline:
                raise
        time.sleep(pause)
        pause = min(2 * pause, 5.0)


def _is_locked(error: BaseException | None) -> bool:
    while error is not None:
        if "database is locked" in str(error) or "database table is locked" in str(error):
            return True
        error = error.__cause__
    return False


class Patient:
    """Any object, with each of its methods called through `patiently`."""

    def __init__(self, target: Any) -> None:
        self._target = target

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._target, name)
        return lambda *args, **kwargs: patiently(lambda: method(*args, **kwargs))


def open_optuna(home: Home) -> BaseStorage:
    """Return Optuna's storage of `home`, made if it is missing; what another process writes later may not be seen."""
    import optuna
    from optuna.storages import RDBStorage

    from .sole_writer import SoleWriter

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    _quiet("alembic")
    home.root.mkdir(parents=True, exist_ok=True)
    with file_lock(home.locks / "stores.lock"):
        storage = RDBStorage(home.optuna_url, engine_kwargs={"connect_args": {"timeout": BUSY_SECONDS}})
        _use_wal(home.optuna_db)
    for name in _OPTUNA_WRITES:
        setattr(storage, name, _patient(getattr(storage, name)))
    return SoleWriter(storage)


def open_mlflow(home: Home) -> Any:
    """Return a patient `MlflowClient` of `home`, its store made if it is missing.

    MLflow sets a busy timeout of 20 s in each of its sessions, so the patience has to be here.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("DO_NOT_TRACK", "true")
    from mlflow import MlflowClient

    _quiet("mlflow")
    _quiet("alembic")
    home.root.mkdir(parents=True, exist_ok=True)
    with file_lock(home.locks / "stores.lock"):
        client = MlflowClient(tracking_uri=home.mlflow_url)
        patiently(lambda: client.search_experiments(max_results=1))
        _use_wal(home.mlflow_db)
    return Patient(client)


def _patient(method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        return patiently(lambda: method(*args, **kwargs))

    return call


def _use_wal(file: Path) -> None:
    """Let readers and the writer of `file` go on side by side; the mode stays in the file."""
    with closing(sqlite3.connect(file, timeout=BUSY_SECONDS)) as database:
        if database.execute("PRAGMA journal_mode").fetchone() != ("wal",):
            patiently(lambda: database.execute("PRAGMA journal_mode=WAL"))


def _quiet(logger: str) -> None:
    """Silence what a library says about its own doings; its errors come as exceptions."""
    logging.getLogger(logger).setLevel(logging.CRITICAL)
