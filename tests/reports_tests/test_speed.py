"""Epochs to a given validation accuracy, as a comparison of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from reports.document import compose
from reports.metric import ACCURACY
from reports.records import Family, RunRecord, StudyInfo
from reports.statistics.judging import USUAL
from reports.statistics.speed import speeds
from reports.statistics.summary import summarise_ablation

from .example import record

FAMILY = Family("against base", (("fast", "base"), ("never", "base")))


def rows(curves: Mapping[str, Sequence[Sequence[float]]]) -> list[RunRecord]:
    return [
        replace(record(10 * i + seed, arm=arm, seed=seed), curves={"val_accuracy": list(enumerate(curve, 1))})
        for i, (arm, own) in enumerate(curves.items())
        for seed, curve in enumerate(own)
    ]


CURVES = {
    "base": [[0.3, 0.5, 0.715], [0.3, 0.71, 0.74]],  # the worst best is 71.5 %: the goal is 71 %
    "fast": [[0.72, 0.9, 0.9], [0.5, 0.71, 0.6]],
    "never": [[0.2, 0.2, 0.2], [0.2, 0.72, 0.2]],
}
INFO = StudyInfo("s", "ablation", families=(FAMILY,))


def test_the_goal_is_what_every_run_of_the_base_reached_and_a_run_that_did_not_counts_beyond_its_last_epoch() -> None:
    found = summarise_ablation(rows(CURVES), INFO)
    (speed,) = speeds(INFO.families, {arm.name: arm for arm in found.arms}, ACCURACY, USUAL)
    assert speed.value == pytest.approx(71.0)
    told = {one.arm: (one.epochs.mean, one.missed) for one in speed.rows}
    assert told == {"base": (2.5, 0), "fast": (1.5, 0), "never": (3.0, 1)}
    fast, never = (one.comparison for one in speed.rows[1:])
    assert fast is not None
    assert never is not None
    assert dict(fast.differences) == {0: -2.0, 1: 0.0}
    assert dict(never.differences) == {0: 1.0, 1: 0.0}


def test_eight_seeds_that_are_all_faster_are_decided_and_the_report_says_so() -> None:
    slow = [[0.1, 0.2, 0.3 + 0.1 * (seed % 2), 0.8] for seed in range(8)]
    quick = [[0.1, 0.85, 0.3, 0.8 - 0.01 * seed] for seed in range(8)]
    info = replace(INFO, families=(Family("f", (("fast", "base"),)),))
    report = compose(rows({"base": slow, "fast": quick}), info)
    (table,) = [table for table in report.tables if table.title.startswith("Epochs to 80 % on validation")]
    assert [cell.text for cell in table.rows[1]][-2:] == ["0.0078", "faster"]
    assert table.rows[1][4].text == "−2.0"


def test_without_curves_there_is_no_such_table() -> None:
    found = summarise_ablation([replace(one, curves={}) for one in rows(CURVES)], INFO)
    assert speeds(INFO.families, {arm.name: arm for arm in found.arms}, ACCURACY, USUAL) == []
