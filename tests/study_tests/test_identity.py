"""A study is found by what marks it, whatever MLflow calls it; a run that is gone is said everywhere, with the way
back.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reports import records
from reports.data.files import read_files
from study.cli.main import run as mamlab
from study.cli.outcome import finish
from study.engine.progress import StudyProgress
from study.results import load
from study.stores.connect import open_mlflow
from study.stores.home import Home

from .store_rows import ablation, fresh_home, mlflow_runs, optuna_trials, run
from .test_outcome import screen

ARMS = {"a": "{}", "b": '{ "outer.lr" = 0.1 }'}
CONFIG = ablation(ARMS, seeds=2)


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Return the home of an ablation that has ended, not to be touched."""
    home = fresh_home(tmp_path_factory.mktemp("ended"))
    assert run(CONFIG, home).finished
    return home


@pytest.fixture
def home(ended: Home, tmp_path: Path) -> Home:
    return Home(shutil.copytree(ended.root, tmp_path / "home"))


def experiment(home: Home) -> Any:
    (found,) = [one for one in open_mlflow(home).search_experiments() if one.name != "Default"]
    return found


def parent(home: Home) -> str:
    found = open_mlflow(home).search_runs([experiment(home).experiment_id], "tags.role = 'study'")
    return str(found[0].info.run_id)


def rename(home: Home) -> None:
    open_mlflow(home).rename_experiment(experiment(home).experiment_id, "another name")


def untag(home: Home) -> None:
    """Leave the experiment as versions did that had no tag."""
    with closing(sqlite3.connect(home.mlflow_db)) as database:
        database.execute("DELETE FROM experiment_tags WHERE key = 'mamlab.study'")
        database.commit()
    with closing(sqlite3.connect(home.optuna_db)) as database:
        database.execute("DELETE FROM study_user_attributes WHERE key = 'mamlab.experiment'")
        database.commit()


@pytest.mark.parametrize("old", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["tagged", "untagged"])
def test_a_renamed_experiment_is_found_and_gone_on_in(
    home: Home, old: bool, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rename(home)
    if old:
        untag(home)
    place, called = ["--home", str(home.root)], 'the study "arms" is called "another name" in MLflow now'
    assert mamlab(["status", "arms", *place]) == 0
    assert mamlab(["report", "arms", *place]) == 0
    assert capsys.readouterr().out.count(called) == 2
    assert mamlab(["verify", "arms", *place]) == 0
    assert mamlab(["doctor", "arms", *place]) == 0
    assert mamlab(["status", *place]) == 0
    info, rows = load("arms", home)
    assert (info.name, info.missing, len(rows)) == ("arms", "", 4)
    last = run(ablation(ARMS, seeds=3), home)
    assert (last.finished, last.counts, last.experiment_id) == (True, {"complete": 6}, info.experiment_id)
    assert called in last.notes
    assert experiment(home).name == "another name"


def test_an_experiment_of_that_name_that_is_another_study_s_is_refused(home: Home) -> None:
    rename(home)
    other = ablation(ARMS, seeds=1, name="another")
    open_mlflow(home).rename_experiment(experiment(home).experiment_id, "another")
    with pytest.raises(
        ValueError, match='experiment "another" is that of the study "arms", under another name; rename'
    ):
        run(other, home)


@pytest.mark.parametrize("runs", [0, 1])
def test_of_two_experiments_of_one_study_the_empty_one_is_passed_over_and_else_both_are_named(
    home: Home, runs: int
) -> None:
    rename(home)
    untag(home)
    first, client = experiment(home).experiment_id, open_mlflow(home)
    second = client.create_experiment("arms")
    tags = client.get_run(parent(home) if runs < 0 else _parent_in(client, first)).data.tags
    client.create_run(second, tags=tags)
    for _ in range(runs):
        client.create_run(second, tags={**tags, "role": "run", "trial": "0000", "seed": "1"})
    if runs:
        with pytest.raises(
            ValueError, match=r'two MLflow experiments hold runs of the study "arms": "another name" \(id'
        ):
            load("arms", home)
    else:
        assert len(load("arms", home)[1]) == 4
        assert run(CONFIG, home).counts == {"complete": 4}


def _parent_in(client: Any, experiment_id: str) -> str:
    return str(client.search_runs([experiment_id], "tags.role = 'study'")[0].info.run_id)


@pytest.mark.parametrize("name", ["arms", "another name"])
def test_a_deleted_experiment_is_said_by_every_command_with_the_way_back(
    home: Home, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if name != "arms":
        rename(home)
    found = experiment(home).experiment_id
    open_mlflow(home).delete_experiment(found)
    place = ["--home", str(home.root)]
    said = (
        f'the MLflow experiment "{name}" was deleted in the UI; restore it with `MLFLOW_TRACKING_URI={home.mlflow_url} '
        f"mlflow experiments restore --experiment-id {found}`"
    )
    for command in ("report", "status", "doctor"):
        assert mamlab([command, "arms", *place]) == 2
        assert said in capsys.readouterr().err
    with pytest.raises(ValueError, match="was deleted in the UI"):
        run(CONFIG, home)


def delete_run(home: Home) -> None:
    open_mlflow(home).delete_run(mlflow_runs(home, "arms")[0].info.run_id)


def delete_parent(home: Home) -> None:
    open_mlflow(home).delete_run(parent(home))


def delete_for_good(home: Home) -> None:
    open_mlflow(home).set_tag(mlflow_runs(home, "arms")[0].info.run_id, records.TAG_ROLE, "another's")


GONE: dict[Callable[[Home], None], tuple[str, str]] = {
    delete_run: ("a / seed 1", "mamlab doctor arms --fix"),
    delete_parent: ("the study's parent run", "mamlab doctor arms --fix"),
    delete_for_good: ("a / seed 1", "start the study again"),
}


@pytest.mark.parametrize(
    "gone",
    [pytest.param(one, marks=pytest.mark.slow) for one in (delete_run, delete_parent, delete_for_good)],
    ids=lambda gone: gone.__name__,
)
def test_a_run_that_is_gone_is_said_by_every_reader_with_the_way_back_and_an_exit_status(
    home: Home, gone: Callable[[Home], None], capsys: pytest.CaptureFixture[str]
) -> None:
    place = ["--home", str(home.root)]
    assert mamlab(["report", "arms", *place]) == 0
    gone(home)
    name, way = GONE[gone]
    said = f"1 ended run is missing in MLflow and not counted: {name}. To restore: {way}"
    capsys.readouterr()
    for command in ("status", "verify", "report"):
        assert mamlab([command, "arms", *place]) == 1, command
        assert said in " ".join(capsys.readouterr().out.split()), command
    assert said in (home.reports / "arms" / "report.md").read_text()
    assert read_files(home.reports / "arms")[0].missing == said
    console = screen()
    assert finish(StudyProgress("arms", "ablation", 4, {"complete": 4}, finished=True), home, console) == 1
    assert said in console.file.getvalue()  # type: ignore[attr-defined]
    assert mamlab(["doctor", "arms", "--fix", *place]) == 0
    run(CONFIG, home)
    assert mamlab(["report", "arms", *place]) == 0
    assert "missing" not in (home.reports / "arms" / "study.json").read_text()
    assert len(load("arms", home)[1]) == 4


def test_a_start_takes_the_study_s_own_run_out_of_the_bin(home: Home) -> None:
    before = parent(home)
    delete_parent(home)
    assert run(CONFIG, home).notes == ("the study's parent run was deleted in MLflow; it was restored",)
    assert parent(home) == before


def test_a_report_is_made_without_optuna_s_store_and_says_what_it_cannot_say(
    home: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    home.optuna_db.rename(home.root / "aside")
    place = ["--home", str(home.root)]
    assert mamlab(["report", "arms", *place]) == 0
    assert f"cannot tell whether runs are missing: {home.optuna_db} does not exist" in capsys.readouterr().out
    delete_run(home)
    assert mamlab(["report", "arms", *place]) == 1
    assert "a / seed 1" in capsys.readouterr().out
    assert not home.optuna_db.exists()


def test_an_unfinished_study_s_cells_are_not_missing(tmp_path: Path) -> None:
    home = fresh_home(tmp_path)
    run(replace(CONFIG, budget=CONFIG.budget.model_copy(update={"cpu_hours": 0.025 / 3600})), home)
    assert 0 < len(mlflow_runs(home, "arms")) < len(optuna_trials(home, "arms"))
    assert load("arms", home)[0].missing == ""
