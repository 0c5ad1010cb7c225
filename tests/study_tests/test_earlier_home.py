"""A home that the version before left, at another place than where it was made: nothing in it is lost."""

from __future__ import annotations

import json
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from reports.data.files import read_files
from reports.statistics.summary import summarise_search
from study.cli.main import run
from study.engine.driver import run_study
from study.engine.progress import StudyProgress
from study.results import load
from study.spec.parsing import load_spec
from study.stores.home import Home
from tests.homes import unpack

from .store_rows import check_stores, mlflow_runs

OLD = "/srv/mamlab/runs"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the unpacked home, which is the current one: specs name their pictures relative to it."""
    folder = unpack(tmp_path)
    monkeypatch.chdir(folder)
    return folder


def locations(home: Path) -> list[str]:
    with closing(sqlite3.connect(home / "mlflow.db")) as database:
        asked = "SELECT artifact_location FROM experiments UNION SELECT artifact_uri FROM runs"
        return [place for (place,) in database.execute(asked)]


def test_its_pictures_are_found_from_another_folder_beside_the_home(
    place: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert run(["export", "ab", "model", "--arm", "MAML++", "--home", str(place / "runs")]) == 0
    assert (tmp_path / "elsewhere" / "model" / "config.json").exists()


@pytest.mark.slow
def test_it_is_looked_at_reported_verified_and_exported(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = locations(place / "runs")
    assert run(["doctor", "ab", "--home", "runs", "--json"]) == 1
    (found,) = json.loads(capsys.readouterr().out)["disagreements"]
    assert found["what"] == f"32 stored locations name {OLD}, not {place / 'runs'}"
    assert locations(place / "runs") == before  # a look changes nothing
    assert run(["status", "--home", "runs"]) == 0
    said = capsys.readouterr()
    assert f"This home was moved from {OLD}: 32 stored locations now name {place / 'runs'}." in said.err
    assert "9 complete" in said.out
    assert all(where.startswith(f"file://{place}/runs/artifacts/") for where in locations(place / "runs"))
    assert run(["doctor", "ab", "--home", "runs"]) == 0
    assert run(["verify", "ab", "--home", "runs"]) == 0
    assert (
        "every accuracy on its page follows from its 9 runs; it was made by an earlier version"
        in capsys.readouterr().out
    )
    assert run(["report", "ab", "--home", "runs"]) == 0
    info, records = read_files(place / "runs" / "reports" / "ab")
    assert info.spec == (place / "ablation.toml").read_text()
    assert [len(record.per_task) > 0 for record in records] == [True] * 9
    assert run(["verify", "ab", "--home", "runs"]) == 0
    assert run(["export", "se", "model", "--home", "runs"]) == 0
    assert (place / "model" / "README.md").is_file()
    assert f"now name {place / 'runs'}" not in capsys.readouterr().err  # said once
    assert not Path(OLD).exists()


def test_doctor_mends_it(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "se", "--home", "runs", "--fix"]) == 0
    assert "32 stored locations name" in " ".join(capsys.readouterr().out.split())
    assert all(where.startswith(f"file://{place}/runs/artifacts/") for where in locations(place / "runs"))


@pytest.mark.slow
def test_its_search_is_ranked_as_before_until_all_of_its_best_are_scored_on_held_out_tasks(place: Path) -> None:
    home = Home(place / "runs")
    info, before = load("se", home)
    ranked = [trial.number for trial in summarise_search(before, info).trials]
    assert info.finalists == 0
    assert run(["report", "se", "--home", "runs"]) == 0
    page = home.reports / "se" / "report.md"
    assert "eld-out" not in page.read_text()
    assert run(["verify", "se", "--home", "runs"]) == 0

    Path("search.toml").write_text(Path("search.toml").read_text().replace("trials = 10", "trials = 11"))
    assert run(["search", "search.toml", "--home", "runs", "--quiet"]) == 0
    info, after = load("se", home)
    found = summarise_search(after, info)
    assert info.finalists == 5
    assert [trial.number for trial in found.trials if trial.number in ranked] == ranked
    assert found.finalists == ()
    scored = [trial.number for trial in found.complete if trial.held_out]
    assert scored in ([], [10])
    assert ("Not all of the best trials have it" in page.read_text()) == bool(scored)


def ended_before(home: Path) -> dict[str, int]:
    """Return when the runs of the stopped study ended, of those that had."""
    with closing(sqlite3.connect(home / "mlflow.db")) as database:
        asked = (
            "SELECT run_uuid, end_time FROM runs JOIN tags USING (run_uuid) WHERE key = 'study' AND tags.value ="
            " 'stopped'"
        )
        return {run: end for run, end in database.execute(asked) if end}


@pytest.mark.slow
def test_its_stopped_study_goes_on(place: Path) -> None:
    before, home = ended_before(place / "runs"), Home(place / "runs")

    def stop(progress: StudyProgress) -> None:
        if progress.counts.get("complete", 0) > len(before):
            signal.raise_signal(signal.SIGINT)

    last = run_study(load_spec(Path("stopped.toml")), home, stop)
    assert (last.interrupted, last.planned, len(before)) == (True, 12, 2)
    runs = {one.info.run_id: one for one in mlflow_runs(home, "stopped")}
    assert {run_id: runs[run_id].info.end_time for run_id in before} == before
    assert sum(one.data.tags["mamlab.state"] == "complete" for one in runs.values()) >= 3


@pytest.mark.slow
def test_its_stopped_study_goes_on_to_its_end(place: Path) -> None:
    ended, home = ended_before(place / "runs"), Home(place / "runs")
    assert run(["ablate", "stopped.toml", "--home", "runs", "--quiet"]) == 0
    runs = mlflow_runs(home, "stopped")
    assert len(runs) == 12
    assert {one.info.run_id: one.info.end_time for one in runs if one.info.run_id in ended} == ended
    assert check_stores(home, load_spec(Path("stopped.toml")), 12) == {"complete": 12}
    assert not Path(OLD).exists()
