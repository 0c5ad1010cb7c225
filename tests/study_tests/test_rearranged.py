"""Runs of published reports in the design of another spec."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reports.data.loading import from_files
from reports.data.merging import Part
from reports.records import ReportError
from reports.sentences.headline import verdict_sentences
from reports.statistics.summary import Ablation, summarise_ablation
from study.cli.main import run
from study.rearranged import rearranged
from study.spec.parsing import load_spec

from ..test_architecture import ROOT

RESULTS, SPECS = ROOT / "docs" / "results", ROOT / "examples" / "paper"
ACROSS = load_spec(SPECS / "across_length.toml")


def part(name: str) -> Part:
    return from_files(RESULTS / name)


def summed_up(*names: str) -> Ablation:
    info, records = rearranged(ACROSS, {name: part(name) for name in names})
    return summarise_ablation(records, info)


def test_runs_of_two_lengths_are_one_design_with_the_effects_of_each() -> None:
    info, records = rearranged(ACROSS, {name: part(name) for name in ("ablation", "length_80")})
    lengths = [run.params["budget.epochs"] for run in records]
    assert (lengths.count("20"), lengths.count("80")) == (6 * 8, 6 * 9)
    assert all(f"(epochs = {length})" in str(run.arm) for run, length in zip(records, lengths, strict=True))
    assert {run.study for run in records} == {info.name} == {"paper-across-length"}
    assert info.description == "102 runs from ablation (96 runs) and length_80 (55 runs)."
    found = summarise_ablation(records, info)
    for name, length in (("ablation", 20), ("length_80", 80)):
        own_info, own_records = part(name)
        own = {(c.arm, c.base): c.differences for c in summarise_ablation(own_records, own_info).comparisons}
        for comparison in found.comparisons:
            if f"(epochs = {length})" in comparison.arm:
                arm, base = (text.partition(" (")[0] for text in (comparison.arm, comparison.base))
                assert comparison.differences == own[arm, base]


def test_a_value_without_runs_is_said() -> None:
    sentences = verdict_sentences(summed_up("ablation"))
    assert sentences[0].endswith("at budget.epochs = 20 (+4.17 points), has no results at 80.")
    assert not any("changes from" in sentence or "(–" in sentence for sentence in sentences)


def test_a_run_without_a_result_does_not_count() -> None:
    info, records = part("length_80")
    stopped = [replace(run, state="interrupted") for run in records if run.seed == 8]
    _, found = rearranged(ACROSS, {"here": (info, stopped), "there": part("length_80")})
    assert {run.state for run in found} == {"complete"}
    assert len(found) == 6 * 9


@pytest.mark.parametrize(
    ("spec", "reports", "message"),
    [
        ("search.toml", ["ablation"], '"paper-search" is a search; with --from, name the spec file of an ablation'),
        ("twenty_way.toml", ["ablation"], 'none of the 96 runs of ablation is one that "paper-twenty-way" would train'),
    ],
)
def test_what_does_not_belong_together_is_refused(spec: str, reports: list[str], message: str) -> None:
    with pytest.raises(ReportError, match=message):
        rearranged(load_spec(SPECS / spec), {name: part(name) for name in reports})


def test_runs_on_other_data_are_refused() -> None:
    info, records = part("length_80")
    other = [replace(run, tags={**run.tags, "data_checksum": "other"}) for run in records]
    with pytest.raises(ReportError, match="a and b have 2 data sets"):
        rearranged(ACROSS, {"a": (info, records), "b": (info, other)})


@pytest.mark.slow
def test_the_command_writes_a_report_that_follows_from_its_runs(tmp_path: Path) -> None:
    sources = [argument for name in ("ablation", "length_80") for argument in ("--from", str(RESULTS / name))]
    out = str(tmp_path / "across")
    assert run(["report", str(SPECS / "across_length.toml"), *sources, "--out", out]) == 0
    assert run(["verify", out]) == 0
