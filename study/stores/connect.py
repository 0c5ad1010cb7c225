"""Optuna's and MLflow's stores: made once, under a lock; a store that does not answer is `StoreAway`, nothing else.

SQLite files are in WAL mode, so that readers and the writer go on side by side.
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
from .advisory import advisory_lock
from .home import Home
from .locations import settle
from .locks import file_lock
from .patience import StoreAway, StoreLost, patiently
from .schema import mlflow_schema, optuna_schema
from .sqlite_files import BUSY_SECONDS, ready, use_wal
from .store_file import StoreFile
from .urls import shown

if TYPE_CHECKING:
    from optuna.storages import RDBStorage
    from optuna.trial import FrozenTrial

    from .optuna_storage import SoleWriter

_PRIVATE = ("_create_new_trial", "_set_trial_param", "_get_trials", "_get_best_trial_id")
"""What Optuna's cache calls of a storage beside its public methods."""


class Patient:
    """Any object, with each of its methods called through `patiently`."""

    def __init__(self, target: Any, store: str, file: StoreFile | None = None) -> None:
        self._target, self._store, self._file = target, store, file

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return _patient(getattr(self._target, name), self._store, self._file)

    @property
    def tracking_uri(self) -> str:
        """The store's address, of an `MlflowClient`; it may hold a password."""
        return str(self._target.tracking_uri)

    def check_file(self) -> None:
        """Raise StoreLost if the store's file is no longer the one that was opened, StoreAway if that cannot be
        said.
        """
        _check(self._file, self._store)


def open_optuna(home: Home) -> SoleWriter:
    """Return Optuna's storage of `home`, made if it is missing; what another process writes later may not be seen.

    Raises StoreAway, StoreBroken, ValueError.
    """
    import optuna
    from optuna.storages import RDBStorage

    from .optuna_storage import SoleWriter

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    _quiet("alembic")
    url = home.optuna_url
    name = f"Optuna's store {shown(url)}"
    with _making(home, url, name):
        sqlite = url.startswith("sqlite")
        options: dict[str, Any] = {"connect_args": {"timeout": BUSY_SECONDS}} if sqlite else {"pool_pre_ping": True}
        if sqlite:
            patiently(lambda: ready(home.optuna_db, optuna_schema(), tell), name)
        # Of a SQLite file `ready` has looked at schema and tables.
        storage = patiently(
            lambda: RDBStorage(url, options, skip_compatibility_check=sqlite, skip_table_creation=sqlite), name
        )
        if sqlite:
            patiently(lambda: use_wal(home.optuna_db), name)
    file = StoreFile(home.optuna_db, lambda: _close(storage)) if sqlite else None
    for method in [
        *(one for one in dir(type(storage)) if one.startswith(("create", "delete", "get", "set"))),
        *_PRIVATE,
    ]:
        if method not in ("get_heartbeat_interval", "get_heartbeat_stale_trial_callback"):
            setattr(storage, method, _patient(getattr(storage, method), name, file))
    writer = SoleWriter(storage)
    writer.check_file = lambda: _check(file, name)
    return writer


def open_trials(home: Home, study: str) -> tuple[list[FrozenTrial], frozenset[int]]:
    """Return the trials of a study in Optuna's store, which is only read, and the numbers of those that others replace.

    Raises StoreAway, FileNotFoundError if there is no store, KeyError if it does not know the study.
    """
    from optuna.storages import RDBStorage

    url, name = home.optuna_url, f"Optuna's store {shown(home.optuna_url)}"
    sqlite = url.startswith("sqlite")
    if sqlite and not home.optuna_db.is_file():
        raise FileNotFoundError(f"{home.optuna_db} is not there")
    options: dict[str, Any] = {"connect_args": {"timeout": BUSY_SECONDS}} if sqlite else {"pool_pre_ping": True}
    storage = RDBStorage(url, engine_kwargs=options, skip_compatibility_check=True, skip_table_creation=True)
    try:
        return patiently(lambda: _read_trials(storage, study), name)
    except KeyError:
        raise KeyError(f"{name} does not know the study") from None
    finally:
        storage.remove_session()
        storage.engine.dispose()


def _read_trials(storage: RDBStorage, study: str) -> tuple[list[FrozenTrial], frozenset[int]]:
    study_id = storage.get_study_id_from_name(study)
    superseded = storage.get_study_user_attrs(study_id).get("mamlab.superseded", ())
    return storage.get_all_trials(study_id), frozenset(superseded)


def open_mlflow(home: Home) -> Any:
    """Return a patient `MlflowClient` of `home`, its store made if it is missing, the places of its artifacts this
    home's.

    Raises StoreAway, StoreBroken, LocationError, ValueError. MLflow sets a busy timeout of 20 s in each of its SQLite
    sessions, so the patience has to be here.
    """
    reach_loopback_directly()
    for variable in ("MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
        os.environ.setdefault(variable, "true")
    # By default a server that is away is asked for minutes, and the caller waits.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    from mlflow import MlflowClient

    _quiet("mlflow")
    _quiet("alembic")
    url = home.mlflow_url
    name = f"MLflow's store {shown(url)}"
    with _making(home, url, name):
        if url.startswith("sqlite"):
            patiently(lambda: ready(home.mlflow_db, mlflow_schema(home.artifacts), tell), name)
        client = MlflowClient(tracking_uri=url)
        if url.startswith("sqlite"):  # MLflow keeps connections by address, perhaps to a file that was deleted since
            client._tracking_client.store.engine.dispose()
        patiently(lambda: client.search_experiments(max_results=1), name)
        if url.startswith("sqlite"):
            patiently(lambda: use_wal(home.mlflow_db), name)
        patiently(lambda: settle(home, tell), name)
    sqlite = url.startswith("sqlite")
    return Patient(
        client, name, StoreFile(home.mlflow_db, client._tracking_client.store.engine.dispose) if sqlite else None
    )


def _close(storage: RDBStorage) -> None:
    storage.remove_session()
    storage.engine.dispose()


def _check(file: StoreFile | None, store: str) -> None:
    """Raise StoreLost if `file` is no longer the one that was opened, StoreAway if that cannot be said."""
    try:
        problem = file.problem() if file else ""
    except OSError as error:
        raise StoreAway(store, str(error)) from None
    if problem:
        raise StoreLost(problem)


def mlflow_address(home: Home) -> str:
    """Return MLflow's tracking URI of `home` for others to read from, its store looked at before. Raises as
    `open_mlflow`.
    """
    if not home.mlflow_url.startswith("sqlite") or home.mlflow_db.exists():
        open_mlflow(home)  # also says at once that a server is away, which MLflow itself would find out in minutes
    return home.mlflow_url


@contextmanager
def _making(home: Home, url: str, name: str) -> Iterator[None]:
    """Be the only one, here and on the store's server, that makes its tables. Raises StoreAway, ValueError."""
    home.root.mkdir(parents=True, exist_ok=True)
    with file_lock((home.stores or home.locks) / "stores.lock"):
        if url.startswith("http"):
            patiently(lambda: _ask(url), name)
            yield
        elif url.startswith("postgresql"):
            with advisory_lock(url, name, tell):
                yield
        else:
            yield


def _ask(url: str) -> None:
    """Raise ConnectionError unless an MLflow server answers at `url`: MLflow's own client would try for minutes."""
    try:
        urllib.request.urlopen(f"{url}/health", timeout=10).close()
    except OSError as error:
        raise ConnectionError(str(error)) from None


def _patient(method: Callable[..., Any], store: str, file: StoreFile | None = None) -> Callable[..., Any]:
    @wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        _check(file, store)
        found = patiently(lambda: method(*args, **kwargs), store)
        _check(file, store)  # what was written into a file that is gone was not written
        return found

    return call


def tell(text: str) -> None:
    """Tell the user what was done to a store, beside a command's output."""
    print(f"note: {text}", file=sys.stderr, flush=True)


def _quiet(logger: str) -> None:
    """Silence what a library says about its own doings; its errors come as exceptions."""
    logging.getLogger(logger).setLevel(logging.CRITICAL)
