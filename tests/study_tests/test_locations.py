"""A home that was moved or copied reads and writes its own artifacts, and never another's."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from reports import records
from study.stores.connect import open_mlflow
from study.stores.home import Home
from study.stores.locations import LocationError, find_moved
from study.stores.locks import driver_lock
from study.stores.read_only import readable

from .store_rows import fresh_home

STUDY = "a study"


def used(folder: Path) -> tuple[Home, str]:
    """Return a home with a study of one run, which has an artifact; and the run."""
    folder.mkdir()
    home = fresh_home(folder)
    client = open_mlflow(home)
    experiment = client.create_experiment(STUDY, artifact_location=(home.artifacts / STUDY).as_uri())
    run = client.create_run(experiment, tags={records.TAG_STATE: "complete"}).info.run_id
    (home.artifacts / STUDY / run / "artifacts").mkdir(parents=True)
    written(home, run).write_text(
        "first"
    )  # not by MLflow's client, which keeps where a run was for as long as it lives
    with closing(sqlite3.connect(home.mlflow_db)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return home, run


def written(home: Home, run: str) -> Path:
    return home.artifacts / STUDY / run / "artifacts" / "note.txt"


def note(home: Home, run: str) -> str:
    return Path(open_mlflow(home).download_artifacts(run, "note.txt")).read_text()


def test_a_moved_home_reads_its_artifacts_and_never_makes_its_old_folder_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, run = used(tmp_path / "old home")
    home = Home(old.root.rename(tmp_path / "new home"))
    assert note(home, run) == "first"
    assert (
        capsys.readouterr().err
        == f"note: This home was moved from {old.root}: 3 stored locations now name {home.root}.\n"
    )
    open_mlflow(home).log_text(run, "second", "note.txt")
    assert written(home, run).read_text() == "second"
    assert not old.root.exists()
    assert find_moved(home) is None


def test_a_copy_leaves_its_original_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, run = used(tmp_path / "old")
    home = Home(shutil.copytree(old.root, tmp_path / "copy"))
    client = open_mlflow(home)
    assert f"This home is a copy of {old.root}: 3 stored locations" in capsys.readouterr().err
    client.log_text(run, "second", "note.txt")
    new = client.create_run(client.get_experiment_by_name(STUDY).experiment_id)
    assert new.info.artifact_uri.startswith((home.artifacts / STUDY).as_uri())
    assert (written(old, run).read_text(), written(home, run).read_text()) == ("first", "second")


def test_another_name_of_the_same_home_is_no_move(tmp_path: Path) -> None:
    old, run = used(tmp_path / "old")
    (tmp_path / "link").symlink_to(old.root)
    assert find_moved(Home(tmp_path / "link")) is None
    assert note(Home(tmp_path / "link"), run) == "first"


def test_what_another_tool_keeps_elsewhere_stays_there(tmp_path: Path) -> None:
    home, _ = used(tmp_path / "old")
    client = open_mlflow(home)
    theirs = client.create_experiment("theirs", artifact_location=(tmp_path / "x" / "artifacts" / "theirs").as_uri())
    client.create_run(theirs)
    assert find_moved(home) is None


def test_artifacts_that_were_left_behind_are_named_with_both_places_and_the_way_out(tmp_path: Path) -> None:
    old, run = used(tmp_path / "old")
    (tmp_path / "new").mkdir()
    shutil.copy(old.mlflow_db, tmp_path / "new")
    home = Home(tmp_path / "new")
    here, there = home.artifacts / STUDY, old.artifacts / STUDY
    with pytest.raises(LocationError) as error:
        open_mlflow(home)
    assert f"not in the home {home.root}: its store expects" in str(error.value)
    assert f"copy them: mkdir -p {home.artifacts} && cp -a '{there}' '{here}'" in str(error.value)
    old.root.rename(tmp_path / "gone")
    with pytest.raises(LocationError, match=f"continue without it: mkdir -p '{here}'"):
        open_mlflow(home)
    here.mkdir(parents=True)
    assert open_mlflow(home).list_artifacts(run) == []


def test_while_a_driver_lives_a_moved_home_is_read_and_not_rewritten(tmp_path: Path) -> None:
    import subprocess
    import sys

    old, run = used(tmp_path / "old")
    home = Home(old.root.rename(tmp_path / "new"))
    code = (
        "import sys; from pathlib import Path; from study.stores.locks import driver_lock\nwith"
        f" driver_lock(Path({str(home.locks / 's.lock')!r}), 's'): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as driver:
        assert driver.stdout is not None
        driver.stdout.readline()
        with pytest.raises(LocationError, match=r'cannot be rewritten while a driver is running: "s" is run by host'):
            open_mlflow(home)
        with readable(home) as place:
            assert note(place, run) == "first"
        driver.communicate()
    assert find_moved(home) is not None
    with driver_lock(home.locks / "s.lock", "s"):  # our own
        assert note(home, run) == "first"


def test_locations_are_rewritten_all_or_none(tmp_path: Path) -> None:
    old, _ = used(tmp_path / "old")
    home = Home(old.root.rename(tmp_path / "new"))
    with closing(sqlite3.connect(home.mlflow_db)) as database:
        database.execute("CREATE TRIGGER no BEFORE UPDATE ON runs BEGIN SELECT RAISE(ABORT, 'no'); END")
    with pytest.raises(Exception, match="no"):
        open_mlflow(home)
    moved = find_moved(home)
    assert moved is not None
    assert len(moved.rows) == 3
