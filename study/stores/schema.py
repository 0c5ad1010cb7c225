"""What the two SQLite files of a home hold: tables and schema revision of MLflow and of Optuna, and how they are made.

Both libraries bring their own migrations (alembic), which are not transactional on SQLite: they are only let loose on a
file that nobody else sees yet (`study.stores.connect.sqlite_files`).
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
    """What a library wants of its SQLite file."""

    library: str
    """Its name, as the user knows it."""
    tables: frozenset[str]
    script: ScriptDirectory
    """Its migrations."""
    content: str
    """The table whose rows somebody would miss."""
    make: Callable[[Path], None]
    """Writes an empty store into a new file."""
    upgrade: Callable[[Path], None]
    """Brings a file of an older revision to `head`."""

    @property
    def head(self) -> str:
        """The revision that the installed library reads and writes."""
        return str(self.script.get_current_head())

    @property
    def installed(self) -> str:
        """The library with its version, such as "MLflow 3.17.0"."""
        return f"{self.library} {version(self.library.lower())}"

    def knows(self, revision: str) -> bool:
        """Whether the installed library can migrate from `revision`."""
        return any(one.revision == revision for one in self.script.walk_revisions())


def mlflow_schema(artifacts: Path) -> Schema:
    """Return MLflow's; its experiment "Default" of a new store has its artifacts in `artifacts`, too."""
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
    """Return Optuna's."""
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


# Once a process: a folder of migrations takes 60 ms to read.
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
    """Let MLflow write `file`; its many small transactions are not flushed one by one, since the file is flushed before
    it counts.
    """
    import sqlalchemy
    from sqlalchemy.pool import NullPool

    engine = sqlalchemy.create_engine(f"sqlite:///{file}", poolclass=NullPool)

    @sqlalchemy.event.listens_for(engine, "connect")
    def hurry(connection: Any, record: Any) -> None:
        connection.execute("PRAGMA synchronous=OFF")

    work(engine)
    engine.dispose()
