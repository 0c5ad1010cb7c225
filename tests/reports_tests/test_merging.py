"""Parts of one ablation, trained apart, become one report; what does not belong together is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reports.build import build_report
from reports.data.files import read_files
from reports.data.merging import merge_parts
from reports.records import RunRecord, StudyInfo
from study.cli.main import run

from . import example

RUNS = [replace(run, params={"inner.steps": "3", "device": "cpu"}) for run in example.ablation()]
INFO = replace(example.ABLATION, mlflow_address=None)


def seeds(*wanted: int) -> list[RunRecord]:
    return [run for run in RUNS if run.seed in wanted]


def test_parts_with_different_seeds_are_the_whole_study() -> None:
    info, records = merge_parts({"a": (INFO, seeds(0)), "b": (INFO, seeds(2, 1))})
    assert sorted(records, key=lambda run: run.run_id) == RUNS
    assert info == replace(INFO, description="Merged from a (7 runs) and b (14 runs).")


def test_one_part_is_as_it_was() -> None:
    assert merge_parts({"a": (INFO, RUNS)}) == (INFO, RUNS)


def test_parts_with_different_arms_have_the_comparisons_of_both() -> None:
    parts = {}
    for name, base in (("a", "MAML++"), ("b", "MAML")):
        pairs = [pair for pair in example.COMPARISONS if pair[1] == base]
        arms = {arm for pair in pairs for arm in pair}
        parts[name] = (
            replace(INFO, families=example.against(*pairs)),
            [run for run in RUNS if run.arm in arms],
        )
    info, records = merge_parts(parts)
    assert {pair for family in info.families for pair in family.comparisons} == set(example.COMPARISONS)
    assert sorted(records, key=lambda run: run.run_id) == RUNS


def test_of_a_training_that_two_parts_have_the_first_complete_one_counts() -> None:
    again = [
        replace(
            run, run_id=f"again{number}", metrics={**run.metrics, "test_accuracy": run.metrics["test_accuracy"] + 0.01}
        )
        for number, run in enumerate(seeds(1))
    ]
    stopped = [replace(run, state="running", metrics={}) for run in seeds(0)]
    info, records = merge_parts({"a": (INFO, seeds(1) + stopped), "b": (INFO, again), "c": (INFO, seeds(0))})
    assert sorted(records, key=lambda run: run.run_id) == sorted(seeds(0, 1), key=lambda run: run.run_id)
    assert info.description.endswith(
        "7 trainings are in several of these; the first counts. Their test results differ by 1.00 points on average."
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda i, r: (replace(i, kind="search"), r), "they differ in kind of study: ablation and search"),
        (lambda i, r: (replace(i, looks=(2, 3)), r), "they differ in declared looks: none and 2, 3"),
        (lambda i, r: (replace(i, margin=1.0), r), "they differ in margin: none and 1"),
        (lambda i, r: (replace(i, adjust="study"), r), "they differ in adjustment of p: family and study"),
        (lambda i, r: (replace(i, trained_by="mine:train"), r), "they differ in trainer: MAML.. and mine:train"),
        (
            lambda i, r: (i, [replace(run, tags={**run.tags, "data_checksum": "other"}) for run in r]),
            r"a and b cannot be merged: they differ in data \(checksum\): sha256:1f3a and other",
        ),
        (
            lambda i, r: (i, [replace(run, params={"inner.steps": "5", "device": "cuda"}) for run in r]),
            r'"MAML\+\+" is not the same arm in a and b: inner.steps is 3 and 5. Rename it in one of the specs',
        ),
    ],
)
def test_what_does_not_belong_together_is_refused(
    change: Callable[[StudyInfo, list[RunRecord]], Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        merge_parts({"a": (INFO, seeds(0)), "b": change(INFO, seeds(1))}, {"device"})


def test_a_diverged_training_is_a_result_and_a_failed_one_is_none() -> None:
    (whole,) = (run for run in RUNS if (run.arm, run.seed) == ("MAML", 0))
    failed, diverged = (replace(whole, run_id=state, state=state, metrics={}) for state in ("failed", "diverged"))
    for first, other, kept in (
        (failed, diverged, "diverged"),
        (diverged, whole, "diverged"),
        (failed, whole, "complete"),
    ):
        _, records = merge_parts({"a": (INFO, [first]), "b": (INFO, [other])})
        assert [run.state for run in records] == [kept]


def test_searches_are_not_merged() -> None:
    part = example.SEARCH, example.search()
    with pytest.raises(
        ValueError, match="a is a search: only reports of ablations can be merged; name one --from folder"
    ):
        merge_parts({"a": part, "b": part})


@pytest.mark.slow
def test_the_command_writes_a_report_that_follows_from_all_parts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, records in (("a", seeds(0)), ("b", seeds(1, 2))):
        build_report(records, INFO, tmp_path / name)
    out, home = tmp_path / "all", str(tmp_path / "home")
    sources = ["--from", str(tmp_path / "a"), "--from", str(tmp_path / "b")]
    assert run(["report", *sources, "--out", str(out), "--home", home]) == 0, capsys.readouterr()
    assert len(read_files(out)[1]) == len(RUNS)
    assert "Merged from" in (out / "report.md").read_text()
    assert run(["verify", str(out), "--home", home]) == 0, capsys.readouterr()
