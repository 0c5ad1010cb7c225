"""An interval that would be all that can be is none, and is said to be of too few seeds, in all that a study shows."""

import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from reports.document import compose
from reports.figures.curves import draw_band
from reports.records import COMPUTE, Factorial, Family, StudyInfo, Sweep
from reports.render.html import to_html
from reports.render.latex import to_latex
from reports.render.markdown import to_markdown
from reports.render.tables_json import to_json
from reports.statistics.estimate import accuracy_estimate
from reports.statistics.noise import NoiseSplit
from reports.statistics.summary import summarise_ablation
from reports.tables.ablation import noise_cell
from reports.tables.frames import arms_frame, comparisons_frame
from reports.tables.objects import ablation_object
from study.mlflow_ui.summaries import summaries_of

from . import example

VALUES = {"A": (0.5, 0.9), "B": (0.9, 0.5), "C": (0.6, 0.61), "D": (0.05, 0.95)}
INFO = StudyInfo(
    "s",
    "ablation",
    families=(Family("against A", tuple((arm, "A") for arm in "BCD")),),
    sweep=Sweep("inner.steps", {"A": 1, "B": 2, "C": 3, "D": 4}),
    factorial=Factorial(("x", "y"), {"A": (), "B": ("x",), "C": ("y",), "D": ("x", "y")}),
)
RECORDS = [
    example.record(2 * i + seed, arm=arm, seed=seed, accuracy=value, metrics={"test_accuracy": value, COMPUTE: 1.0 + i})
    for i, (arm, values) in enumerate(VALUES.items())
    for seed, value in enumerate(values)
]
REPORT = compose(RECORDS, INFO)
IMPOSSIBLE = re.compile(r"\[0\.00, 100\.00\]|\[[-−]100\.00, \+?100\.00\]|\[[-−]1\.0, 1\.0\]")


@pytest.mark.parametrize("write", [to_html, to_markdown, to_json, lambda report: "".join(map(to_latex, report.tables))])
def test_no_page_has_such_an_interval(write) -> None:  # type: ignore[no-untyped-def]
    text = write(REPORT)
    assert "too few seeds" in text
    assert not IMPOSSIBLE.search(text)


def test_tables_as_json_sort_by_no_end() -> None:
    tables = {table["title"]: table for table in json.loads(to_json(REPORT))["tables"]}
    place = tables["Against A"]["columns"].index("95 % interval")
    cells = {row[0]: (row[place], text[place]) for row, text in zip(
        tables["Against A"]["values"], tables["Against A"]["texts"], strict=True)}  # fmt: skip
    assert cells["B"] == (None, "too few seeds")
    assert cells["C"][0] == pytest.approx(0.54004, abs=1e-5)  # expit(logit(0.605) - 12.706 * 0.005 / (0.605 * 0.395))


def test_figures_draw_no_bar_and_say_so() -> None:
    captions = {figure.name: figure.caption for figure in REPORT.figures}
    said = {name for name, caption in captions.items() if "too few seeds" in caption}
    assert said == captions.keys() - {"curves_val_loss"}  # a loss can be any number
    assert {"components", "differences", "arm-costs", "sweep", "effects", "shapley", "curves_val_accuracy"} == said


def test_a_band_is_open_where_there_is_no_interval() -> None:
    axes = Figure().add_subplot()
    found = [accuracy_estimate([0.5, second]) for second in (0.51, 0.52, 0.95, 0.51, 0.52)]
    draw_band(axes, range(5), found, "black", 100)
    (band,) = axes.collections
    assert [sorted({*np.asarray(path.vertices)[:, 0].tolist()}) for path in band.get_paths()] == [[0, 1], [3, 4]]


def test_a_deviation_of_shares_ends_at_what_can_be() -> None:
    stability = next(table for table in REPORT.tables if table.title == "Stability")
    assert [row[5].text for row in stability.rows] == ["[12.62, 50.00]"] * 2 + ["[0.32, 22.56]", "[28.39, 63.64]"]


def test_frames_objects_and_summary_runs_have_no_ends() -> None:
    found = summarise_ablation(RECORDS, INFO)
    arms, told = arms_frame(found).set_index("arm"), {one["arm"]: one for one in ablation_object(found)["arms"]}
    assert arms["mean_low"].notna().to_dict() == {"A": False, "B": False, "C": True, "D": False}
    assert {arm: one["low"] is not None for arm, one in told.items()} == arms["mean_low"].notna().to_dict()
    assert comparisons_frame(found)["difference_low"].isna().to_list() == [True, True, True]
    metrics = {one.key: one.metrics for one in summaries_of(INFO, found)}
    assert {arm for arm, own in metrics.items() if "acc_lo" in own} == {"C"}
    assert "diff_hi" not in metrics["B"]
    assert "diff" in metrics["B"]


def test_a_share_of_noise_that_may_be_anything_is_said_so() -> None:
    split = NoiseSplit(0.1, 0.1, 2, 9, 0.6, 0.0, 0.999)
    assert noise_cell(split, ()).text == "60 (too few seeds)"
    assert noise_cell(replace(split, high=0.98), ()).text == "60 [0, 98]"


def test_where_an_arm_s_interval_covers_less_it_says_so() -> None:
    # Log odds of 3.9 (98 %) with a deviation of 0.8 over seeds, and one of 0.1.
    logits = {"wide": [3.1, 3.4, 3.9, 4.4, 4.7, 2.7, 5.1, 3.9], "narrow": [3.8 + 0.03 * i for i in range(8)]}
    arms = {arm: [1 / (1 + math.exp(-one)) for one in own] for arm, own in logits.items()} | {"base": [0.6, 0.9] * 4}
    rows = [
        example.record(10 * i + seed, accuracy=value, arm=arm, seed=seed)
        for i, (arm, values) in enumerate(arms.items())
        for seed, value in enumerate(values)
    ]
    info = StudyInfo("s", "ablation", families=(Family("f", (("wide", "base"), ("narrow", "base"))),))
    tables = {table.title: " ".join(table.notes) for table in compose(rows, info).tables}
    for title in ("F", "Arms"):
        assert (
            "with seeds that vary so much (wide), an arm's 95 % interval held its mean in 89 to 94 %" in tables[title]
        )
    assert "vary so much" not in " ".join(tables[title] for title in ("Verdicts", "Stability"))
