"""Looks in a home: recorded once, carried by reports, and a study that ends at the look that decides it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reports.data.files import read_files
from reports.statistics.summary import summarise_ablation
from study.engine.progress import StudyProgress
from study.looks import decided, looked, run_to_decision
from study.python.result import open_study
from study.reporting import report_from_store
from study.results import load
from study.spec.config import SpecError, StudyConfig
from study.spec.families import declared_tests, refuse_underpowered
from study.spec.parsing import parse_spec
from study.stores.home import Home

from . import store_rows

ARMS = {"a": "{}", "b": "{ outer.beta1 = 0.81 }"}  # every run of b diverges


def config(more: str = "looks = [6, 8]\nstop_early = true\nmargin = 1\n") -> StudyConfig:
    text = store_rows.ablation(ARMS).spec_text.replace("seeds = 2\n", more)
    return parse_spec(text)


def run(spec: StudyConfig, home: Home) -> StudyProgress:
    workers = store_rows.local_workers(2)
    return run_to_decision(
        spec, home, lambda _: None, trainer=store_rows.TRAINER, loader=store_rows.LOADER, executor=workers
    )


def test_a_study_ends_at_the_look_that_decides_it_which_is_recorded_once(tmp_path: Path) -> None:
    home = store_rows.fresh_home(tmp_path)
    last = run(config(), home)
    assert last.notes[-1] == "Every comparison is decided after 6 seeds, so no more are trained (stop_early)."
    assert len(store_rows.mlflow_runs(home, "arms")) == 12
    assert run(config(), home).finished  # the same command again
    page = report_from_store("arms", home)
    open_study("arms", home=home)
    lines = [json.loads(line) for line in (tmp_path / "looks" / "arms.jsonl").read_text().splitlines() if line]
    info, records = load("arms", home)
    assert lines == [
        {"experiment_id": info.experiment_id, "seeds": [1, 2, 3, 4, 5, 6], "looks": [6, 8], "margin": 1.0}
        | {"test": "max_t", "adjust": "family", "families": [["own arms", [["b", "a"]]]]}
    ]
    published, rows = read_files(page.parent)
    assert [one.seeds for one in published.shown] == [(1, 2, 3, 4, 5, 6)]
    (comparison,) = summarise_ablation(rows, published).comparisons
    assert comparison.finding == "worse at 6 seeds; diverged 6 of 6"
    assert decided(summarise_ablation(records, info))
    assert run(config("looks = [6, 8]\n"), home).finished
    assert run(config(), home).finished  # 8 seeds are planned: the look at 6 is past
    assert [len(one.seeds) for one in looked(*load("arms", home), home).shown] == [6, 8]


def test_where_the_home_cannot_be_written_a_look_is_said_and_lines_that_are_not_whole_are_passed_over(
    tmp_path: Path,
) -> None:
    home = store_rows.fresh_home(tmp_path)
    run(config("seeds = 2\nallow_underpowered = true\n"), home)
    (tmp_path / "looks").write_text("a file in the folder's place")
    info = looked(*load("arms", home), home)
    assert info.notes[-1].startswith("This look at 2 seeds could not be recorded in ")
    assert [one.seeds for one in info.shown] == [(1, 2)]
    (tmp_path / "looks").unlink()
    (tmp_path / "looks").mkdir()
    (tmp_path / "looks" / "arms.jsonl").write_text('{"experiment_id": "1", "se\n[]\n')
    assert [one.seeds for one in looked(*load("arms", home), home).shown] == [(1, 2)]


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ("looks = [8, 8]", r"looks must increase, not \[8, 8\]"),
        (
            "looks = [8, 12]\nseeds = 16",
            r"seeds = 16 must equal the last number of seeds in looks = \[8, 12\]; leave out",
        ),
        ("stop_early = true", r"stop_early needs at least two looks"),
        ("margin = 0", r"ablation\.margin"),
        ("looks = [1, 8]", r"ablation\.looks"),
    ],
)
def test_looks_that_cannot_be_are_refused(more: str, problem: str) -> None:
    with pytest.raises(SpecError, match=problem):
        config(more + "\n")


def test_a_first_look_that_cannot_decide_is_refused_also_where_few_seeds_are_allowed() -> None:
    with pytest.raises(
        SpecError, match=r"with 6 seeds p is at least 0\.0312, but the first look is tested at level 0\.0115"
    ):
        refuse_underpowered(config("looks = [6, 16]\nallow_underpowered = true\n"))
    refuse_underpowered(config("looks = [8, 16]\n"))
    (test,) = declared_tests(config("looks = [8, 16]\n")).values()
    assert [seeds for seeds, _ in test.looks] == [8, 16]
