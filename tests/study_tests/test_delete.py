from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from reports.results import Results
from study.cli.logs import show_logs
from study.cli.main import run
from study.cli.next_step import next_steps
from study.engine.snapshot import snapshot_file
from study.results import load
from study.stores.connect import open_optuna
from study.stores.home import Home
from study.stores.locks import driver_lock

from . import store_rows

ARMS = {"one": "{}", "two": "{ outer.lr = 0.002 }"}
LOG = "--- one / seed 1 (seed 1)\nfirst\n--- two / seed 1 (seed 1)\nsecond\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with three studies: two share the trainings of their arm "one"."""
    home = store_rows.fresh_home(tmp_path_factory.mktemp("home"))
    store_rows.run(store_rows.ablation(ARMS), home)
    store_rows.run(store_rows.ablation({"one": "{}", "three": "{ outer.lr = 0.003 }"}, name="other"), home)
    store_rows.run(store_rows.search(trials=6), home)
    home.looks.mkdir(exist_ok=True)
    (home.looks / "arms.jsonl").write_text('{"experiment_id": "1", "seeds": [1, 2], "looks": [], "margin": null}\n')
    (home.logs / "arms").mkdir(parents=True)
    (home.logs / "arms" / "worker-0.log").write_text(LOG)
    return home


@pytest.fixture
def home(made: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    shutil.copytree(made.root, tmp_path / "home")
    monkeypatch.setenv("MAMLAB_HOME", str(tmp_path / "home"))
    return Home(tmp_path / "home")


def test_a_deleted_study_is_gone_and_what_another_one_uses_stays(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["report", "arms"]) == 0
    before = {folder.name for folder in home.checkpoints.iterdir() if len(folder.name) == 64}
    others = {one.data.tags["cell"] for name in ("other", "hunt") for one in store_rows.mlflow_runs(home, name)}
    ours = {one.data.tags["cell"] for one in store_rows.mlflow_runs(home, "arms")}
    assert len(ours & others) == 2
    assert run(["delete", "arms", "--yes"]) == 0
    said = capsys.readouterr().out
    assert 'Deleted: study "arms", checkpoints of 2 trainings' in said
    assert "Kept the checkpoints of 2 trainings: other studies use them." in said
    assert {folder.name for folder in home.checkpoints.iterdir() if len(folder.name) == 64} == before - (ours - others)
    gone = [home.reports / "arms", home.logs / "arms", home.artifacts / "arms", snapshot_file(home, "arms")]
    gone.append(home.looks / "arms.jsonl")
    assert [path for path in gone if path.exists()] == []
    assert run(["status", "arms"]) == 2
    assert "no study named 'arms'" in capsys.readouterr().err
    assert len(load("other", home)[1]) == 4
    assert run(["doctor", "other"]) == 0
    assert run(["clean"]) == 0
    assert "Nothing to clean" in capsys.readouterr().out


def test_a_study_of_the_same_name_may_begin_anew(home: Home) -> None:
    assert run(["delete", "arms", "--yes"]) == 0
    config = store_rows.ablation({"new": "{}", "newer": "{ outer.lr = 0.004 }"})
    last = store_rows.run(config, home)
    assert last.counts == {"complete": 4}
    store_rows.check_stores(home, config, 4)


def test_a_deletion_that_was_cut_off_is_finished_by_the_same_command(home: Home) -> None:
    storage = open_optuna(home)
    storage.delete_study(storage.get_study_id_from_name("arms"))
    assert run(["delete", "arms", "--yes"]) == 0
    assert run(["delete", "arms", "--yes"]) == 2


def test_no_study_is_deleted_while_it_runs_or_without_a_yes(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("typer.confirm", lambda text: asked.append(text))
    assert run(["delete", "arms"]) == 1
    assert asked[0].startswith('study "arms": 5 runs in MLflow and Optuna, its report, artifacts and logs (')
    assert "Nothing was deleted" in capsys.readouterr().out
    with driver_lock(home.locks / "arms.lock", "arms"):
        assert run(["delete", "arms", "--yes"]) == 2
    assert "is being run by" in capsys.readouterr().err
    assert len(load("arms", home)[1]) == 4
    assert run(["delete", "armz", "--yes"]) == 2
    assert "no study named 'armz'" in capsys.readouterr().err


def test_logs_are_those_of_all_runs_or_of_one(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["logs", "arms"]) == 0
    assert capsys.readouterr().out == f"[worker-0.log]\n{LOG}"
    assert run(["logs", "arms", "TWO"]) == 0
    assert capsys.readouterr().out == "[worker-0.log]\n--- two / seed 1 (seed 1)\nsecond\n"
    assert run(["logs", "arms", "four"]) == 2
    assert "no run of \"arms\" has 'four' in its name" in capsys.readouterr().err
    assert run(["logs", "hunt"]) == 2
    assert "(studies with logs: arms)" in capsys.readouterr().err


def test_followed_logs_show_what_comes_until_nobody_drives_the_study(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("study.cli.logs.POLL_SECONDS", 0.0)
    log, lines = home.logs / "arms" / "worker-0.log", list[str]()

    def write(line: str) -> None:
        lines.append(line)
        if line == "second":
            with log.open("a") as file:
                file.write("third\nhalf a line")
        if line == "third":
            os.close(lock.pop())

    lock = [os.open(home.locks / "arms.lock", os.O_RDWR)]
    import fcntl

    fcntl.flock(lock[0], fcntl.LOCK_EX)
    show_logs(home, "arms", "", True, write)
    assert (lines[-2:], lines.count("[worker-0.log]")) == (["second", "third"], 1)


@pytest.mark.parametrize(
    ("study", "wanted"),
    [
        ("arms", ["Next: mamlab verify arms (checks the report against the raw results)"]),
        (
            "hunt",
            [
                "Next: mamlab promote hunt (retrains the best configs on fresh seeds)",
                "      mamlab ablate --from hunt (measures which components of the best matter)",
            ],
        ),
    ],
)
def test_the_next_step_is_a_command(study: str, wanted: list[str], home: Home) -> None:
    info, records = load(study, home)
    assert [*next_steps(Results(info, tuple(records)), home)] == wanted


def test_a_search_that_pruned_nearly_all_says_so(home: Home) -> None:
    info, records = load("hunt", home)
    pruned = [one for one in records if one.state == "pruned"]
    complete = [one for one in records if one.state == "complete"]
    if not pruned:
        pytest.skip("this search pruned nothing")
    first = next(next_steps(Results(info, (*complete[:2], *pruned)), home))
    assert first.startswith("Only 2 complete trials: the pruner stopped")


def test_a_report_is_opened_in_the_browser(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("typer.launch", opened.append)
    assert run(["report", "hunt", "--open"]) == 0
    assert opened == [(home.reports / "hunt" / "index.html").as_uri()]
