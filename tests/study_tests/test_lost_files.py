"""A store's file that is deleted, moved or replaced under a driver: nothing is lost, and nothing is called finished."""

from __future__ import annotations

import io
import re
import shutil
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from rich.console import Console

import study.engine.driver
from study.cli.main import run as mamlab
from study.cli.outcome import print_stopped
from study.engine.progress import StudyProgress
from study.results import load
from study.stores.connect import open_mlflow
from study.stores.home import Home
from study.stores.outages import StoreLost

from .store_rows import ablation, check_stores, fresh_home, mlflow_runs, run

CONFIG = ablation({"a": "{}", "b": '{ "outer.lr" = 0.1 }', "c": '{ "outer.lr" = 0.2 }'}, seeds=2, workers=1)
STORES = ["mlflow.db", "optuna.db"]
ONE_SLOW = ["mlflow.db", pytest.param("optuna.db", marks=pytest.mark.slow)]


def after_two_runs(act: Callable[[], object]) -> Callable[[StudyProgress], None]:
    """Return what a driver shows itself to, which acts once."""
    acted: list[int] = []

    def show(progress: StudyProgress) -> None:
        if progress.counts.get("complete", 0) >= 2 and not acted:
            acted.append(1)
            act()

    return show


@pytest.mark.parametrize("store", ONE_SLOW)
def test_a_file_deleted_while_the_study_runs_is_rescued_and_the_study_does_not_end_well(
    tmp_path: Path, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study.engine.driver, "LOST_SECONDS", 1.0)
    home = fresh_home(tmp_path)
    with pytest.raises(StoreLost) as lost:
        run(CONFIG, home, after_two_runs((home.root / store).unlink))
    (kept,) = [one for one in home.root.glob(f"{store}.rescued-*") if one.suffix not in ("-wal", "-shm")]
    path = home.root / store
    assert str(lost.value).startswith(
        f"{path} was deleted while the study ran; its content was saved, restore it with: mv {kept} {path}. Then run "
        "the same command to resume"
    )
    assert not path.exists()
    kept.rename(path)
    assert run(CONFIG, home).counts == {"complete": 6}
    assert check_stores(home, CONFIG, 6) == {"complete": 6}


@pytest.mark.parametrize("store", ONE_SLOW)
def test_a_file_moved_away_is_told_where_it_is_and_the_study_goes_on_when_it_is_back(
    tmp_path: Path, store: str
) -> None:
    home, told = fresh_home(tmp_path), list[str]()
    path, aside = home.root / store, tmp_path / "aside"
    act = after_two_runs(lambda: path.rename(aside))

    def show(progress: StudyProgress) -> None:
        act(progress)
        if progress.away and aside.exists():
            told.append(progress.away)
            aside.rename(path)

    assert run(CONFIG, home, show).counts == {"complete": 6}
    assert told[0].startswith(f"{path} was moved while the study ran; move it back: mv {aside} {path}")
    assert check_stores(home, CONFIG, 6) == {"complete": 6}


@pytest.mark.parametrize("store", ONE_SLOW)
def test_a_rescued_file_that_is_put_back_while_the_driver_waits_is_gone_on_with(tmp_path: Path, store: str) -> None:
    home = fresh_home(tmp_path)
    path = home.root / store
    act = after_two_runs(path.unlink)

    def show(progress: StudyProgress) -> None:
        act(progress)
        if progress.away:
            for kept in home.root.glob(f"{store}.rescued-*"):
                kept.rename(path)

    assert run(CONFIG, home, show).counts == {"complete": 6}
    assert check_stores(home, CONFIG, 6) == {"complete": 6}


def test_a_stop_does_not_say_that_all_is_saved_while_neither_store_nor_journal_can_be_written(tmp_path: Path) -> None:
    home = fresh_home(tmp_path)

    def lose() -> None:
        shutil.rmtree(home.journal)
        home.journal.write_text("a file where the folder should be")
        (tmp_path / "mlflow.db").rename(tmp_path / "aside.db")

    def stop(progress: StudyProgress) -> None:
        lose_once(progress)
        if "1 event is waiting" in progress.away:
            signal.raise_signal(signal.SIGINT)

    lose_once = after_two_runs(lose)
    last = run(CONFIG, home, stop)
    assert last.interrupted
    told = (
        rf"\d events? (is|are) not in the stores yet, and {home.journal}/arms\.jsonl cannot be written "
        r"\((File exists|Not a directory)\)"
    )
    assert re.fullmatch(told, last.unsaved)
    with io.StringIO() as text:
        print_stopped(last, Console(file=text))
        assert f"Stopped. Not everything is saved: {last.unsaved}. Run the same command to resume" in text.getvalue()
    home.journal.unlink()
    (tmp_path / "aside.db").rename(home.mlflow_db)
    assert run(CONFIG, home).counts == {"complete": 6}
    check_stores(home, CONFIG, 6)


def test_a_file_that_is_replaced_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study.engine.driver, "LOST_SECONDS", 1.0)
    home = fresh_home(tmp_path)

    def replace() -> None:
        home.mlflow_db.unlink()
        with closing(sqlite3.connect(home.mlflow_db)) as other:
            other.execute("CREATE TABLE other (x)")

    with pytest.raises(
        StoreLost, match=r"was replaced by another file while .*: mv .*mlflow.db .*mlflow.db.other; mv .*rescued"
    ):
        run(CONFIG, home, after_two_runs(replace))
    with closing(sqlite3.connect(home.mlflow_db)) as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("other",)]


def test_a_file_deleted_at_the_very_end_is_no_good_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study.engine.driver, "LOST_SECONDS", 1.0)
    home = fresh_home(tmp_path)

    def show(progress: StudyProgress) -> None:
        if progress.counts.get("complete") == 6 and home.mlflow_db.exists():
            home.mlflow_db.unlink()

    with pytest.raises(StoreLost, match="was deleted while the study ran"):
        run(CONFIG, Home(home.root), show)


def test_mlflow_s_file_deleted_between_two_starts_is_filled_again_from_the_checkpoints(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = fresh_home(tmp_path)
    assert run(CONFIG, home).finished
    value = {one.data.tags["cell"]: one.data.metrics["best_val_accuracy"] for one in mlflow_runs(home, "arms")}
    open_mlflow(home)._target._tracking_client.store.engine.dispose()  # as the end of the process does
    for file in home.root.glob("mlflow.db*"):
        file.unlink()
    shutil.copy(fresh_home(_made(tmp_path / "empty")).mlflow_db, home.mlflow_db)  # making one takes seconds
    last = run(CONFIG, home)
    assert (last.finished, last.counts, last.planned) == (True, {"complete": 6}, 6)
    assert last.notes == (
        ("6 ended runs were missing in MLflow: restored from checkpoints, or retrained where there is no checkpoint"),
    )
    assert {one.data.tags["cell"]: one.data.metrics["best_val_accuracy"] for one in mlflow_runs(home, "arms")} == value
    assert load("arms", home)[0].missing == ""
    assert run(CONFIG, home).notes == ()
    home.mlflow_db.unlink()
    assert mamlab(["status", "arms", "--home", str(home.root)]) == 2
    assert f"{home.mlflow_db} is missing, but Optuna's store exists" in capsys.readouterr().err


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_a_home_that_was_deleted_and_made_anew_is_not_read_from_the_deleted_file(tmp_path: Path) -> None:
    folder = tmp_path / "home"
    folder.mkdir()
    first = open_mlflow(fresh_home(folder))
    first.create_experiment("gone")
    assert [one.name for one in first.search_experiments()] == ["gone", "Default"]
    shutil.rmtree(folder)
    folder.mkdir()
    assert [one.name for one in open_mlflow(fresh_home(folder)).search_experiments()] == ["Default"]
