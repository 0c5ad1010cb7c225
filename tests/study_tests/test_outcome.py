"""What stands on the screen when a study has ended, and what its exit status is."""

from __future__ import annotations

import io
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from reports.records import ReportError, RunRecord, StudyInfo
from reports.results import Results
from study.cli.outcome import finish, print_result
from study.cli.status import studies_table, study_page
from study.engine.progress import StudyProgress
from study.engine.status import RunStatus, StudyStatus
from study.python.running import notes_on
from study.reporting import ReportChoices, report_from_store
from study.spec.parsing import parse_spec
from study.stores.connect import open_mlflow
from study.stores.home import Home
from study.text import say
from tests.reports_tests import example

from . import store_rows

INTERVAL = "70.00 % [56.03, 81.04], n = 2"
"""Of 69 and 71: 70 -+ 12.706 * sd / sqrt(2), where sd is sqrt(2)."""


def screen() -> Console:
    return Console(file=io.StringIO(), width=100, color_system=None)


def written(to: Console) -> str:
    assert isinstance(to.file, io.StringIO)
    return to.file.getvalue()


def result(records: Sequence[RunRecord], kind: str) -> str:
    to = screen()
    print_result(Results(StudyInfo("s", kind), tuple(records)), to)
    return written(to)


def test_a_training_that_failed_says_why_in_one_line() -> None:
    tags = {"message": "RuntimeError: no such kernel\nTraceback ..."}
    text = result([example.record(0, "failed", tags=tags, metrics={}, name="tiny")], "train")
    assert text.splitlines() == [
        "tiny: failed: RuntimeError: no such kernel",
        "No run is complete (1 failed), so there is no result. See the report for the reasons.",
    ]


def test_the_best_trial_of_several_seeds_is_shown_with_its_interval() -> None:
    records = [
        example.record(2 * trial + seed, trial=trial, seed=seed, accuracy=accuracy, kind="search")
        for trial, pair in enumerate([(0.90, 0.30), (0.69, 0.71)])
        for seed, accuracy in enumerate(pair)
    ]
    lines = result(records, "search").splitlines()
    assert lines[0] == f"Best config: trial 1, validation accuracy {INTERVAL}"
    assert lines[1] == "Next best: trial 0 60.00 % (too few seeds), n = 2"
    assert lines[2] == "Intervals: 95 %, Student t over seeds on the logit scale."


def test_the_best_trial_of_one_seed_has_no_interval() -> None:
    lines = result([example.record(0, accuracy=0.7), example.record(1, accuracy=0.6)], "search").splitlines()
    assert lines[:2] == ["Best config: trial 0, validation accuracy 70.00 %", "Next best: trial 1 60.00 %"]
    assert lines[2] == "One seed per trial (n = 1), so no intervals."


def test_status_shows_the_best_trial_by_its_mean() -> None:
    values = {"0000": (0.90, 0.30), "0001": (0.69, 0.71), "0002": (0.95,)}  # the last one waits for its other seed
    runs = tuple(
        RunStatus(f"trial-{trial} lr=0.1 / seed {seed}", trial, "complete", value, params={"inner.lr": "0.1"})
        for trial, pair in values.items()
        for seed, value in enumerate(pair)
    )
    study = StudyStatus("hunt", "search", "1", ("inner.lr",), runs)
    to = screen()
    to.print(study_page(study.overview))
    to.print(studies_table([study.overview]))
    assert f"best     {INTERVAL}  trial-0001\n         inner.lr = 0.1" in written(to)
    assert written(to).rstrip().endswith(INTERVAL)


@pytest.mark.parametrize(("score", "best"), [("mean", "trial-0000"), ("lower_bound", "trial-0001")])
def test_status_ranks_trials_as_the_search_scores_them(score: str, best: str) -> None:
    """Means 0.725 and 0.70, but the seeds of the first lie far apart."""
    values = {"0000": (0.90, 0.55), "0001": (0.69, 0.71)}
    runs = tuple(
        RunStatus(f"trial-{trial} / seed {seed}", trial, "complete", value)
        for trial, pair in values.items()
        for seed, value in enumerate(pair)
    )
    found = StudyStatus("hunt", "search", "1", (), runs, score=score).best
    assert found is not None
    assert found.label == best


def test_a_sampler_that_unpickles_from_the_store_is_noted_with_the_store_that_must_be_trusted() -> None:
    home, text = Home(Path("there")), store_rows.search().spec_text
    assert notes_on(parse_spec(text), home) == []
    (note,) = notes_on(parse_spec(text.replace('"tpe"', '"cmaes"')), home)
    assert "anyone who can write to there/optuna.db can run code here" in note.replace(f"{Path.cwd()}/", "")


@pytest.fixture(scope="module")
def diverged(tmp_path_factory: pytest.TempPathFactory) -> tuple[StudyProgress, Home]:
    home = store_rows.fresh_home(tmp_path_factory.mktemp("home"))
    arms = {f"{steps} steps": f"{{ outer = {{ beta1 = 0.81 }}, inner = {{ steps = {steps} }} }}" for steps in (2, 3)}
    return store_rows.run(store_rows.ablation(arms), home), home


def test_a_study_without_any_complete_run_ends_with_status_1(diverged: tuple[StudyProgress, Home]) -> None:
    last, home = diverged
    to = screen()
    assert finish(last, home, to) == 1
    assert "No run is complete (4 diverged), so there is no result. See the report for the reasons." in written(to)
    assert (home.reports / "arms" / "index.html").is_file()


def test_a_budget_that_is_spent_is_no_failure(diverged: tuple[StudyProgress, Home], tmp_path: Path) -> None:
    last, home = diverged
    to = screen()
    assert finish(replace(last, finished=False, spent="[budget] hours = 2"), home, to) == 0
    assert "The budget is exhausted: [budget] hours = 2. To continue, raise it and run the same command" in written(to)
    empty = screen()
    assert finish(StudyProgress("letters", "search", 20), store_rows.fresh_home(tmp_path), empty) == 0
    assert "No run has finished." in written(empty)


def test_only_a_report_s_own_files_go_to_mlflow(diverged: tuple[StudyProgress, Home]) -> None:
    _, home = diverged
    report_from_store("arms", home)
    (home.reports / "arms" / "my_photo.pdf").write_text("mine")
    report_from_store("arms", home)
    client = open_mlflow(home)
    parent = client.get_parent_run(store_rows.mlflow_runs(home, "arms")[0].info.run_id)
    there = {file.path for file in client.list_artifacts(parent.info.run_id, "report")}
    assert {"report/index.html", "report/manifest.json", "report/runs.csv", "report/tables"} <= there
    assert "report/my_photo.pdf" not in there


def test_what_lies_in_the_place_of_a_study_s_report_is_set_aside(
    diverged: tuple[StudyProgress, Home], tmp_path: Path
) -> None:
    _, home = diverged
    place = home.reports / "arms"
    shutil.rmtree(place, ignore_errors=True)
    for number in (1, 2):
        (place / "figures").mkdir(parents=True)
        (place / "figures" / "my_photo.pdf").write_text(f"{number}")
        assert report_from_store("arms", home) == place / "index.html"
        assert not (place / "figures" / "my_photo.pdf").exists()
        assert (home.reports / f"arms.{number}" / "figures" / "my_photo.pdf").read_text() == f"{number}"
        shutil.rmtree(place)
    (tmp_path / "paper.txt").write_text("mine")
    with pytest.raises(ReportError, match=r"is not empty \(paper\.txt\), and mamlab did not make it"):
        report_from_store("arms", home, ReportChoices(tmp_path))
    assert [file.name for file in tmp_path.iterdir()] == ["paper.txt"]


def test_on_a_terminal_prose_is_broken_between_words_and_a_command_is_not() -> None:
    console = Console(file=io.StringIO(), width=20, force_terminal=True)
    say(console, "one two three four five six")
    say(console, "mamlab status one-two-three-four")
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == "one two three four \nfive six\nmamlab status one-two-three-four\n"
