"""The two SQLite files of a home: what is no store is named and left as it is, an older one is copied and migrated."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy
from alembic import command
from alembic.script import ScriptDirectory
from mlflow.store.db.utils import _get_alembic_config
from mlflow.store.tracking.dbmodels.initial_models import Base as Initial

from study.stores.connect import open_mlflow, open_optuna
from study.stores.home import Home
from study.stores.sqlite_files import StoreBroken

from .store_rows import ablation, fresh_home, mlflow_runs, run

EARLIER = "a1b2c3d4e5f6"
"""A revision of MLflow 3.2."""


def execute(file: Path, *statements: str) -> None:
    with closing(sqlite3.connect(file)) as database, database:
        for statement in statements:
            database.execute(statement)


def ask(file: Path, question: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(file)) as database:
        return database.execute(question).fetchall()


def a_run(file: Path) -> None:
    columns = "run_uuid, experiment_id, name, user_id, status, start_time, lifecycle_stage, artifact_uri"
    execute(file, f"INSERT INTO runs ({columns}) VALUES ('r', 0, 'n', 'u', 'FINISHED', 1, 'active', '/a/r/artifacts')")


def scribble(file: Path) -> None:
    with file.open("r+b") as opened:
        opened.seek(100)
        opened.write(b"\xff" * 4000)


def without_tables(file: Path) -> None:
    execute(file, "DELETE FROM alembic_version", "DROP TABLE spans")


def only_experiments(file: Path) -> None:
    file.unlink()
    execute(file, "CREATE TABLE alembic_version (version_num TEXT)", "CREATE TABLE experiments (experiment_id INTEGER)")


def lost_its_runs_table(file: Path) -> None:
    a_run(file)
    execute(file, "DROP TABLE spans")


BROKEN: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "empty": (
        "mlflow.db",
        lambda file: file.write_bytes(b""),
        "mlflow.db is empty (0 bytes), so it is not a store of MLflow; restore it",
    ),
    "no database": (
        "optuna.db",
        lambda file: file.write_text("hello, world, this is text"),
        "optuna.db is not a SQLite database; restore it",
    ),
    "damaged": ("mlflow.db", scribble, "mlflow.db is damaged (database disk image is malformed)"),
    "Optuna's damaged": ("optuna.db", scribble, "optuna.db is damaged (database disk image is malformed)"),
    "half made": ("mlflow.db", without_tables, "mlflow.db is incomplete (has no table spans): "),
    "just begun": (
        "mlflow.db",
        only_experiments,
        "It has no runs, so nothing is lost. Set it aside, then run the command again: mv ",
    ),
    "Optuna's half made": (
        "optuna.db",
        lambda file: execute(file, "DELETE FROM alembic_version"),
        "optuna.db is incomplete",
    ),
    "a table lost": (
        "mlflow.db",
        lost_its_runs_table,
        "mlflow.db has 1 runs but has no table spans; restore it from a backup, or",
    ),
    "newer": (
        "mlflow.db",
        lambda file: execute(file, "UPDATE alembic_version SET version_num = 'feedbeef'"),
        "was written by a newer MLflow (schema feedbeef; MLflow ",
    ),
    "Optuna's newer": (
        "optuna.db",
        lambda file: execute(file, "UPDATE alembic_version SET version_num = 'v9'"),
        "was written by a newer Optuna (schema v9; Optuna ",
    ),
    "swapped": (
        "mlflow.db",
        lambda file: shutil.copy(file.with_name("optuna.db"), file),
        "mlflow.db is a store of Optuna, not of MLflow",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_file_that_is_no_store_is_named_with_the_way_out_and_left_as_it_is(case: str, tmp_path: Path) -> None:
    name, damage, told = BROKEN[case]
    home = fresh_home(tmp_path)
    file = home.root / name
    damage(file)
    before = file.read_bytes()
    with pytest.raises(StoreBroken) as error:
        (open_mlflow if name == "mlflow.db" else open_optuna)(home)
    assert told in str(error.value)
    assert "\n" not in str(error.value)
    assert file.read_bytes() == before
    assert not list(tmp_path.glob("*.new*"))


def test_the_way_out_of_a_half_made_store_works(tmp_path: Path) -> None:
    home = fresh_home(tmp_path)
    without_tables(home.mlflow_db)
    home.mlflow_db.rename(tmp_path / "mlflow.db.half-made")
    open_mlflow(home)
    assert ask(home.mlflow_db, "SELECT COUNT(*) FROM spans") == [(0,)]


def earlier_mlflow(file: Path) -> None:
    """Make a store of an earlier version of MLflow, with a run."""
    engine = sqlalchemy.create_engine(f"sqlite:///{file}", poolclass=sqlalchemy.pool.NullPool)
    Initial.metadata.create_all(engine)
    config = _get_alembic_config(f"sqlite:///{file}")  # type: ignore[no-untyped-call]
    command.upgrade(config, EARLIER)
    execute(
        file,
        "INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage) VALUES (0, 'Default', '/a',"
        " 'active')",
    )
    a_run(file)


def test_a_store_of_an_earlier_mlflow_is_kept_and_a_copy_migrated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = Home(tmp_path)
    earlier_mlflow(home.mlflow_db)
    capsys.readouterr()
    client = open_mlflow(home)
    kept = tmp_path / f"mlflow.db.before-{EARLIER}"
    assert f"is kept as {kept.name}" in capsys.readouterr().err
    assert [one.info.run_id for one in client.search_runs(["0"])] == ["r"]
    assert ask(kept, "SELECT version_num FROM alembic_version") == [(EARLIER,)]
    assert ask(kept, "SELECT run_uuid FROM runs") == [("r",)]
    head = ScriptDirectory.from_config(_get_alembic_config("")).get_current_head()  # type: ignore[no-untyped-call]
    assert ask(home.mlflow_db, "SELECT version_num FROM alembic_version") == [(head,)]


def test_a_store_that_cannot_be_migrated_stays_as_it_is(tmp_path: Path) -> None:
    home = Home(tmp_path)
    earlier_mlflow(home.mlflow_db)
    execute(home.mlflow_db, "CREATE TABLE jobs (id INTEGER)")  # which a later migration makes
    with pytest.raises(
        StoreBroken, match=rf"mlflow.db has 1 runs but has the older schema {EARLIER}, and could not be"
    ):
        open_mlflow(home)
    assert ask(home.mlflow_db, "SELECT run_uuid FROM runs") == [("r",)]
    assert [file.name for file in tmp_path.glob("mlflow.db*")] == ["mlflow.db"]


def earlier_optuna(file: Path) -> None:
    execute(file, "UPDATE alembic_version SET version_num = 'v3.0.0.d'")


def test_a_store_of_an_earlier_optuna_is_kept_and_a_copy_migrated(tmp_path: Path) -> None:
    home = fresh_home(tmp_path)
    earlier_optuna(home.optuna_db)
    open_optuna(home).remove_session()
    assert ask(tmp_path / "optuna.db.before-v3.0.0.d", "SELECT version_num FROM alembic_version") == [("v3.0.0.d",)]
    assert ask(home.optuna_db, "SELECT version_num FROM alembic_version") == [("v3.2.0.a",)]


def test_an_older_store_that_somebody_has_open_is_not_migrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("study.stores.sqlite_files.EXCLUSIVE_SECONDS", 0.2)
    home = fresh_home(tmp_path)
    earlier_optuna(home.optuna_db)
    with closing(sqlite3.connect(home.optuna_db)) as other:
        other.execute("SELECT * FROM studies").fetchall()
        with pytest.raises(
            StoreBroken, match=r"another process has it open .*; stop that process \(a driver, mamlab ui\)"
        ):
            open_optuna(home)
    open_optuna(home).remove_session()


def test_the_log_of_a_file_that_is_gone_is_not_taken_for_the_new_ones(tmp_path: Path) -> None:
    home, other = Home(tmp_path), tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE stranger (x)")
        database.commit()
        shutil.copy(tmp_path / "other.db-wal", tmp_path / "optuna.db-wal")
    open_optuna(home).remove_session()
    assert ask(home.optuna_db, "SELECT COUNT(*) FROM sqlite_master WHERE name = 'stranger'") == [(0,)]
    assert (tmp_path / "optuna.db-wal.of-a-lost-optuna.db").stat().st_size > 0


def test_a_file_that_is_damaged_in_use_is_named_and_not_waited_for(tmp_path: Path) -> None:
    home = fresh_home(tmp_path)
    client = open_mlflow(home)
    execute(home.mlflow_db, "DROP TABLE runs")
    with pytest.raises(
        StoreBroken, match=r"mlflow.db is damaged \(no such table: runs\); restore it from a backup, or set it"
    ):
        client.search_runs(["0"])


def trained_at(home: Home) -> set[tuple[str, ...]]:
    """Return each run's cell with the times at which its epochs ended."""
    client = open_mlflow(home)
    histories = {
        one.data.tags["cell"]: client.get_metric_history(one.info.run_id, "val_accuracy")
        for one in mlflow_runs(home, "arms")
    }
    return {(cell, *sorted(str(point.timestamp) for point in points)) for cell, points in histories.items()}


@pytest.mark.parametrize("store", [pytest.param("optuna.db", marks=pytest.mark.slow), "mlflow.db"])
def test_an_ablation_whose_damaged_file_was_set_aside_goes_on_without_training(store: str, tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    old, config = fresh_home(tmp_path / "old"), ablation({"a": "{}", "b": '{ "outer.lr" = 0.1 }'}, seeds=2)
    assert run(config, old).counts == {"complete": 4}
    home = Home(shutil.copytree(old.root, tmp_path / "home"))
    for file in home.root.glob(f"{store}*"):
        file.rename(file.with_name(f"{file.name}.damaged"))
    last = run(config, home)
    assert (last.finished, last.counts) == (True, {"complete": 4})
    assert [one.data.tags["mamlab.state"] for one in mlflow_runs(home, "arms")] == ["complete"] * 4
    assert trained_at(home) == trained_at(old)
