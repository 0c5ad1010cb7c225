"""Only what no study uses goes, and only when it is asked for."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from study.cli.main import run as mamlab
from study.engine.journal import Journal, RunKey
from study.repair.clean import find_unused, read_in_use
from study.stores import heartbeat
from study.stores.connect import open_mlflow
from study.stores.heartbeat import TAG
from study.stores.home import Home
from study.stores.locks import driver_lock
from study.workers.jobs import Started
from trainers.checkpoint import CheckpointFolder

from .far_driver import far_driver, far_sign
from .store_rows import ablation, check_stores, fresh_home, run

ARMS = {"a": "{}", "b": '{ "outer.lr" = 0.1 }'}
NOBODY = "f" * 64


def everything(home: Home) -> set[Path]:
    folders = (home.checkpoints, home.logs, home.journal)
    return {file.relative_to(home.root) for folder in folders for file in folder.rglob("*") if file.is_file()}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Two studies that share the cell of arm "a"."""
    home = fresh_home(tmp_path)
    assert run(ablation(ARMS, seeds=1), home).finished
    assert run(ablation({"a": "{}", "c": '{ "outer.lr" = 0.2 }'}, seeds=1, name="other"), home).finished
    for study in ("arms", "other"):
        (home.logs / study).mkdir(parents=True)
        (home.logs / study / "worker-0.log").write_text("x" * 500)
    return home


def clean(home: Home, *options: str) -> int:
    return mamlab(["clean", "--home", str(home.root), *options])


def test_studies_need_all_that_they_made(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    before = everything(home)
    assert clean(home, "--yes") == 0
    assert "Nothing to clean" in capsys.readouterr().out
    assert everything(home) == before


def test_what_nobody_needs_is_listed_with_its_size_and_deleted_only_with_yes(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = everything(home)
    (home.checkpoints / NOBODY).mkdir()
    (home.checkpoints / NOBODY / "final.ckpt").write_bytes(b"x" * 2_500_000)
    cell = next(home.checkpoints.glob("*/final.ckpt")).parent
    (cell / "epoch-000003.ckpt.tmp-7").write_bytes(b"x" * 4000)
    Journal(home.journal / "gone.jsonl").add(RunKey(0, 1, NOBODY), [Started(False, "cpu")])
    (home.logs / "gone").mkdir()
    (home.logs / "gone" / "worker-0.log").write_text("x" * 7000)
    (home.locks / f"handshake-{32 * '0'}").write_text("of a driver on Ray that was killed")
    (home.checkpoints / "mine").mkdir()
    (home.checkpoints / "mine" / "notes.txt").write_text("not mamlab's")
    before = everything(home)
    assert clean(home) == 0
    listed = capsys.readouterr().out
    assert everything(home) == before
    lines = [" ".join(line.split()) for line in listed.splitlines()]
    assert lines[1:4] == [
        "checkpoints/ffffffffffff.. no study uses this training 2.5 MB",
        "logs/gone its study no longer exists 7 kB",
        f"checkpoints/{cell.name[:12]}../epoch-000003.ckpt.tmp-7 partly written or damaged 4 kB",
    ]
    assert f"locks/handshake-{32 * '0'} left by a driver that was killed 0 kB" in lines
    assert "2.5 MB in total. To delete: mamlab clean --yes" in listed
    assert clean(home, "--yes") == 0
    assert everything(home) == kept | {Path("checkpoints/mine/notes.txt")}
    assert not list(home.locks.glob("handshake-*"))
    assert check_stores(home, ablation(ARMS, seeds=1), 2) == {"complete": 2}


def test_a_deleted_study_frees_its_own_cells_and_not_those_that_another_needs(home: Home) -> None:
    client = open_mlflow(home)
    client.delete_experiment(client.get_experiment_by_name("other").experiment_id)
    assert len(list(home.checkpoints.iterdir())) == 3
    assert clean(home, "--yes") == 0
    assert {folder.name for folder in home.checkpoints.iterdir()} == read_in_use(home).fingerprints - {""}
    assert len(list(home.checkpoints.iterdir())) == 2
    assert [folder.name for folder in home.logs.iterdir()] == ["arms"]
    again = run(ablation(ARMS, seeds=1), home)
    assert again.counts == {"complete": 2}


def test_nothing_is_deleted_while_a_driver_of_the_home_lives(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    (home.checkpoints / NOBODY).mkdir()
    with driver_lock(home.locks / "arms.lock", "arms"):
        assert clean(home) == 0
        assert clean(home, "--yes") == 2
    assert 'study "arms" is being run by host' in capsys.readouterr().err
    assert (home.checkpoints / NOBODY).exists()


def test_nothing_is_deleted_while_a_driver_of_another_machine_lives_in_the_home(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(heartbeat, "DEAD_SECONDS", 2.0)
    (home.checkpoints / NOBODY).mkdir()
    client = open_mlflow(home)
    experiment = client.get_experiment_by_name("arms").experiment_id
    parent = client.search_runs([experiment], "tags.role = 'study'")[0].info.run_id
    with far_driver(client, parent, clock=-90.0, home=str(home.root)):
        assert clean(home, "--yes") == 2
    assert 'study "arms" is being run by host far, process 7, since noon, in this home' in capsys.readouterr().err
    assert (home.checkpoints / NOBODY).exists()
    client.set_tag(parent, TAG, far_sign(4e9, home=str(home.root)))
    assert clean(home, "--yes") == 0
    assert not (home.checkpoints / NOBODY).exists()


def test_a_cell_that_somebody_trains_stays(home: Home) -> None:
    folder = CheckpointFolder(home.checkpoints / NOBODY, "someone")
    folder.acquire()
    assert find_unused(home, read_in_use(home)) == []
    folder.release()
    assert [one.path.name for one in find_unused(home, read_in_use(home))] == [NOBODY]


def test_without_a_store_nothing_is_taken_for_unneeded(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    for file in home.root.glob("mlflow.db*"):
        file.unlink()
    before = everything(home)
    assert clean(home, "--yes") == 2
    assert "mlflow.db is missing" in capsys.readouterr().err
    assert everything(home) == before


def test_a_link_is_not_followed(home: Home, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(next(home.checkpoints.iterdir()), elsewhere)
    (home.checkpoints / NOBODY).symlink_to(elsewhere)
    assert clean(home, "--yes") == 0
    assert (elsewhere / "final.ckpt").exists()


def test_files_of_others_in_a_home_s_folders_stay(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    mine = ["logs/access.log", "logs/app/today.log", "logs/gone/notes.txt", "journal/2026.jsonl"]
    mine += [f"checkpoints/{NOBODY}/thesis.txt"]
    for name in mine:
        (home.root / name).parent.mkdir(parents=True, exist_ok=True)
        (home.root / name).write_text('{"years": "of work"}')
    for name in ("logs/gone/worker-0.log", f"checkpoints/{NOBODY}/final.ckpt"):
        (home.root / name).write_text("x")
    assert clean(home, "--yes") == 0
    assert "2 could not be deleted: in use, or no permission." in capsys.readouterr().out
    assert all((home.root / name).exists() for name in mine)
    assert not (home.logs / "gone" / "worker-0.log").exists()
    assert not (home.checkpoints / NOBODY / "final.ckpt").exists()
