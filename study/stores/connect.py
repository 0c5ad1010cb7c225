"""Connections to the Optuna and MLflow stores, which are created on first use, under a lock.

A store that does not answer always raises `StoreUnreachable`. SQLite files are in WAL mode, so reading does not block
writing.
"""

from __future__ import annotations

import logging
import os
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any

from ..processes import reach_loopback_directly
from .advisory_lock import advisory_lock
from .home import Home
from .locations import update_locations
from .locks import file_lock
from .outages import StoreLost, StoreUnreachable, retry_while_locked
from .schema import mlflow_schema, optuna_schema
from .sqlite_files import BUSY_SECONDS, ready, use_wal
from .store_file import StoreFile
from .urls import shown

if TYPE_CHECKING:
    from optuna.storages import RDBStorage
    from optuna.trial import FrozenTrial

    from .optuna_storage import SoleWriter

_PRIVATE = ("_create_new_trial", "_set_trial_param", "_get_trials", "_get_best_trial_id")
"""Private methods of a storage that Optuna's cache calls."""


class RetryingClient:
    """Wraps an object so that every method call goes through `retry_while_locked`."""

    def __init__(self, target: Any, store: str, file: StoreFile | None = None) -> None:
        self._target, self._store, self._file = target, store, file

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return _with_retries(getattr(self._target, name), self._store, self._file)

    @property
    def tracking_uri(self) -> str:
        """The tracking URI of a wrapped `MlflowClient`; it may contain a password."""
        return str(self._target.tracking_uri)

    def check_file(self) -> None:
        """Raise StoreLost if the store's file is no longer the one that was opened, StoreUnreachable if that cannot be
        checked.
        """
        _check(self._file, self._store)


def open_optuna(home: Home) -> SoleWriter:
    """Return Optuna's storage of `home`, created if missing; later writes of other processes may not be seen.

    Raises StoreUnreachable, StoreBroken, ValueError.
    """
    import optuna
    from optuna.storages import RDBStorage

    from .optuna_storage import SoleWriter

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    _quiet("alembic")
    url = home.optuna_url
    name = f"Optuna's store {shown(url)}"
    with _creation_lock(home, url, name):
        sqlite = url.startswith("sqlite")
        options: dict[str, Any] = {"connect_args": {"timeout": BUSY_SECONDS}} if sqlite else {"pool_pre_ping": True}
        if sqlite:
            retry_while_locked(lambda: ready(home.optuna_db, optuna_schema(), tell), name)
        # `ready` has checked the schema and tables of a SQLite file.
        storage = retry_while_locked(
            lambda: RDBStorage(url, options, skip_compatibility_check=sqlite, skip_table_creation=sqlite), name
        )
        if sqlite:
            retry_while_locked(lambda: use_wal(home.optuna_db), name)
    file = StoreFile(home.optuna_db, lambda: _close(storage)) if sqlite else None
    for method in [
        *(one for one in dir(type(storage)) if one.startswith(("create", "delete", "get", "set"))),
        *_PRIVATE,
    ]:
        if method not in ("get_heartbeat_interval", "get_heartbeat_stale_trial_callback"):
            setattr(storage, method, _with_retries(getattr(storage, method), name, file))
    writer = SoleWriter(storage)
    writer.check_file = lambda: _check(file, name)
    return writer


def open_trials(home: Home, study: str) -> tuple[list[FrozenTrial], frozenset[int]]:
    """Return a study's trials, read from Optuna's store without writing, and the numbers of superseded trials.

    Raises StoreUnreachable, FileNotFoundError if there is no store, KeyError if the study is not in it.
    """
    from optuna.storages import RDBStorage

    url, name = home.optuna_url, f"Optuna's store {shown(home.optuna_url)}"
    sqlite = url.startswith("sqlite")
    if sqlite and not home.optuna_db.is_file():
        raise FileNotFoundError(f"{home.optuna_db} does not exist")
    options: dict[str, Any] = {"connect_args": {"timeout": BUSY_SECONDS}} if sqlite else {"pool_pre_ping": True}
    storage = RDBStorage(url, engine_kwargs=options, skip_compatibility_check=True, skip_table_creation=True)
    try:
        return retry_while_locked(lambda: _read_trials(storage, study), name)
    except KeyError:
        raise KeyError(f"{name} has no such study") from None
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _read_trials(storage: RDBStorage, study: str) -> tuple[list[FrozenTrial], frozenset[int]]:
    study_id = storage.get_study_id_from_name(study)
    superseded = storage.get_study_user_attrs(study_id).get("mamlab.superseded", ())
    return storage.get_all_trials(study_id), frozenset(superseded)


def open_mlflow(home: Home) -> Any:
    """Return an `MlflowClient` of `home` that retries while SQLite is locked.

    The store is created if missing, and artifact locations that name another home are updated. MLflow sets a busy
    timeout of 20 s in each SQLite session, so the retries have to be here. Raises StoreUnreachable, StoreBroken,
    LocationError, ValueError.
    """
    reach_loopback_directly()
    for variable in ("MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
        os.environ.setdefault(variable, "true")
    # By default MLflow retries an unreachable server for minutes, and blocks the caller.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    from mlflow import MlflowClient

    _quiet("mlflow")
    _quiet("alembic")
    url = home.mlflow_url
    name = f"MLflow's store {shown(url)}"
    with _creation_lock(home, url, name):
        if url.startswith("sqlite"):
            retry_while_locked(lambda: ready(home.mlflow_db, mlflow_schema(home.artifacts), tell), name)
        client = MlflowClient(tracking_uri=url)
        if url.startswith("sqlite"):  # MLflow caches connections by URL, perhaps to a file that has been deleted
            client._tracking_client.store.engine.dispose()
        retry_while_locked(lambda: client.search_experiments(max_results=1), name)
        if url.startswith("sqlite"):
            retry_while_locked(lambda: use_wal(home.mlflow_db), name)
        retry_while_locked(lambda: update_locations(home, tell), name)
    sqlite = url.startswith("sqlite")
    return RetryingClient(
        client, name, StoreFile(home.mlflow_db, client._tracking_client.store.engine.dispose) if sqlite else None
    )


def _close(storage: RDBStorage) -> None:
    storage.remove_session()
    storage.engine.dispose()


def _check(file: StoreFile | None, store: str) -> None:
    """Raise StoreLost if `file` is no longer the one that was opened, StoreUnreachable if that cannot be checked."""
    try:
        problem = file.problem() if file else ""
    except OSError as error:
        raise StoreUnreachable(store, str(error)) from None
    if problem:
        raise StoreLost(problem)


def mlflow_address(home: Home) -> str:
    """Return MLflow's tracking URI of `home`, after checking the store. Raises as `open_mlflow`."""
    if not home.mlflow_url.startswith("sqlite") or home.mlflow_db.exists():
        open_mlflow(home)  # fails at once if a server is unreachable; MLflow itself would retry for minutes
    return home.mlflow_url


@contextmanager
def _creation_lock(home: Home, url: str, name: str) -> Iterator[None]:
    """Hold the lock for creating tables, locally and on the server. Raises StoreUnreachable, ValueError."""
    home.root.mkdir(parents=True, exist_ok=True)
    with file_lock((home.stores or home.locks) / "stores.lock"):
        if url.startswith("http"):
            retry_while_locked(lambda: _ask(url), name)
            yield
        elif url.startswith("postgresql"):
            with advisory_lock(url, name, tell):
                yield
        else:
            yield


def _ask(url: str) -> None:
    """Raise ConnectionError unless an MLflow server answers at `url`; MLflow's own client would retry for minutes."""
    try:
        urllib.request.urlopen(f"{url}/health", timeout=10).close()
    except OSError as error:
        raise ConnectionError(str(error)) from None


def _with_retries(method: Callable[..., Any], store: str, file: StoreFile | None = None) -> Callable[..., Any]:
    @wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        _check(file, store)
        found = retry_while_locked(lambda: method(*args, **kwargs), store)
        _check(file, store)  # a write into a deleted file is lost
        return found

    return call


def tell(text: str) -> None:
    """Print a note about a store to stderr, apart from the command's output."""
    print(f"note: {text}", file=sys.stderr, flush=True)


def _quiet(logger: str) -> None:
    """Silence a library's log messages; its errors still arrive as exceptions."""
    logging.getLogger(logger).setLevel(logging.CRITICAL)
