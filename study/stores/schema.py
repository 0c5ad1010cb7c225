"""Schemas of the two SQLite files of a home: tables, alembic revision, creation and migration.

MLflow's and Optuna's alembic migrations are not transactional on SQLite, so they only run on a file that no other
process uses yet (`study.stores.sqlite_files`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alembic.script import ScriptDirectory


@dataclass(frozen=True)
class Schema:
    """What a library expects of its SQLite file."""

    library: str
    """Display name."""
    tables: frozenset[str]
    script: ScriptDirectory
    """Its migrations."""
    content: str
    """The table that holds the results."""
    make: Callable[[Path], None]
    """Creates an empty store in a new file."""
    upgrade: Callable[[Path], None]
    """Migrates a file of an older revision to `head`."""

    @property
    def head(self) -> str:
        """The revision that the installed library reads and writes."""
        return str(self.script.get_current_head())

    @property
    def installed(self) -> str:
        """Name and version of the installed library, such as "MLflow 3.17.0"."""
        return f"{self.library} {version(self.library.lower())}"

    def knows(self, revision: str) -> bool:
        """Whether the installed library can migrate from `revision`."""
        return any(one.revision == revision for one in self.script.walk_revisions())


def mlflow_schema(artifacts: Path) -> Schema:
    """Return MLflow's schema; a new store's "Default" experiment keeps its artifacts in `artifacts`."""
    from mlflow.store.db.base_sql_model import Base
    from mlflow.store.db.utils import _initialize_tables, _upgrade_db
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    def make(file: Path) -> None:
        _with_engine(file, _initialize_tables)
        store: Any = SqlAlchemyStore
        store(f"sqlite:///{file}", artifacts.as_uri())._dispose_engine()

    return Schema(
        "MLflow", frozenset(Base.metadata.tables), _mlflow_migrations(), "runs",
        make, lambda file: _with_engine(file, _upgrade_db),
    )  # fmt: skip


def optuna_schema() -> Schema:
    """Return Optuna's schema."""
    from optuna.storages import RDBStorage
    from optuna.storages._rdb import models

    def write(file: Path, upgrade: bool) -> None:
        storage = RDBStorage(f"sqlite:///{file}", skip_compatibility_check=upgrade)
        if upgrade:
            storage.upgrade()
        storage.remove_session()
        storage.engine.dispose()

    return Schema(
        "Optuna", frozenset(models.BaseModel.metadata.tables), _optuna_migrations(), "trials",
        lambda file: write(file, upgrade=False), lambda file: write(file, upgrade=True),
    )  # fmt: skip


# Cached: reading the migrations takes 60 ms.
@cache
def _mlflow_migrations() -> ScriptDirectory:
    from alembic.script import ScriptDirectory
    from mlflow.store.db.utils import _get_alembic_config

    config: Any = _get_alembic_config
    return ScriptDirectory.from_config(config(""))


@cache
def _optuna_migrations() -> ScriptDirectory:
    from alembic.config import Config
    from alembic.script import ScriptDirectory
    from optuna.storages._rdb import models

    config = Config()
    config.set_main_option("script_location", str(Path(models.__file__).with_name("alembic")))
    return ScriptDirectory.from_config(config)


def _with_engine(file: Path, work: Callable[[Any], None]) -> None:
    """Let MLflow write `file` without flushing each small transaction; the whole file is flushed before it is used."""
    import sqlalchemy
    from sqlalchemy.pool import NullPool

    engine = sqlalchemy.create_engine(f"sqlite:///{file}", poolclass=NullPool)

    @sqlalchemy.event.listens_for(engine, "connect")
    def hurry(connection: Any, record: Any) -> None:
        connection.execute("PRAGMA synchronous=OFF")

    work(engine)
    engine.dispose()
