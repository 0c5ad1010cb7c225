"""Pages and figures at the width of a phone: nothing is cut, nothing lies on something else."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import combinations

import pytest
from matplotlib.figure import Figure as Canvas
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from reports import records as names
from reports.document import compose
from reports.figures.style import NARROW, WIDTH, Figure, legend_columns, style, wrapped
from reports.records import Across, Family, RunRecord, StudyInfo, Sweep
from reports.render.html import to_html

from . import example

EPOCHS = (20, 80)


def repeated() -> tuple[list[RunRecord], StudyInfo]:
    """Return a design at two values, with the long names that such arms have, and their compute."""
    arms = [*example.EFFECTS]
    of = {f"{arm} (epochs = {value})": (arm, place) for place, value in enumerate(EPOCHS) for arm in arms}
    runs = [
        replace(run, arm=f"{run.arm} (epochs = {value})", run_id=f"{place}{run.run_id[1:]}", metrics=_with_compute(run))
        for place, value in enumerate(EPOCHS)
        for run in example.ablation()
    ]
    families = []
    for family in example.ABLATION.families:
        pairs = [(f"{a} (epochs = {v})", f"{b} (epochs = {v})") for v in EPOCHS for a, b in family.comparisons]
        families.append(Family(family.name, tuple(pairs)))
    return runs, replace(example.ABLATION, families=tuple(families), across=Across("budget.epochs", EPOCHS, of))


def _with_compute(run: RunRecord) -> dict[str, float]:
    return {**run.metrics, names.COMPUTE: 1 + 0.05 * len(run.arm or "")}


def swept() -> tuple[list[RunRecord], StudyInfo]:
    """Return an ablation whose arms have long names that differ at the end, and one in brackets."""
    arms = [f"a method that has quite a long name indeed (outer.lr = {value})" for value in (0.001, 0.002, 0.003)]
    runs = [
        example.record(10 * i + seed, accuracy=0.8 + 0.01 * i + 0.002 * (seed * i % 3), arm=arm, seed=seed)
        for i, arm in enumerate(arms)
        for seed in range(3)
    ]
    family = Family("rates", tuple((arm, arms[0]) for arm in arms[1:]))
    sweep = Sweep("outer.lr", dict(zip(arms, (0.001, 0.002, 0.003), strict=True)))
    return runs, StudyInfo("s", "ablation", families=(family,), sweep=sweep)


STUDIES = {
    "ablation": (example.ablation(), example.ABLATION),
    "search": (example.search(), example.SEARCH),
    "across": repeated(),
    "sweep": swept(),
}


def texts(drawing: Canvas) -> dict[str, Bbox]:
    """Return where each text of a drawing is, in points."""
    with style():
        drawing.draw_without_rendering()
        hidden = _not_drawn(drawing)
        found = [t for t in drawing.findobj(Text) if t not in hidden and t.get_visible() and t.get_text().strip()]
        boxes = {f"{one.get_text()!r} ({place})": _written(one) for place, one in enumerate(found)}
    return {text: Bbox(box.get_points() * 72 / drawing.dpi) for text, box in boxes.items() if box.width}


def _written(text: Text) -> Bbox:
    """Return the extent of a text, without an empty line at its end."""
    box, lines = text.get_window_extent(), text.get_text().count("\n") + 1
    empty = box.height / lines if text.get_text().endswith("\n") else 0
    return Bbox([[box.x0, box.y0 + empty], [box.x1, box.y1]])


def _not_drawn(drawing: Canvas) -> set[object]:
    """Return the texts of hidden panels, and of ticks beyond the ends of their axis."""
    hidden: set[object] = set()
    for axes in drawing.axes:
        if not axes.get_visible():
            hidden |= {*axes.findobj(Text)}
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            room = 1e-9 * (high - low)
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                if not low - room <= tick.get_loc() <= high + room:
                    hidden |= {tick.label1, tick.label2}
    return hidden


@pytest.mark.parametrize(
    "study", [pytest.param(name, marks=pytest.mark.slow if name in ("across", "search") else ()) for name in STUDIES]
)
def test_no_text_of_a_figure_is_cut_or_lies_on_another(study: str) -> None:
    figures = compose(*STUDIES[study]).figures
    narrow = [figure.narrow for figure in figures]
    assert None not in narrow
    problems = []
    for figure in (*figures, *filter(None, narrow)):
        found = texts(figure.drawing)
        width, height = 72 * figure.drawing.get_size_inches()
        assert width <= 72 * (NARROW if figure.name.endswith("-narrow") else WIDTH)
        for text, box in found.items():
            if min(box.x0, box.y0, width - box.x1, height - box.y1) < -2:
                problems.append(f"{figure.name}: {text} is cut")
        for (a, first), (b, second) in combinations(found.items(), 2):
            both = Bbox.intersection(first, second)
            if both and both.width > 2 and both.height > 2:
                problems.append(f"{figure.name}: {a} lies on {b}")
    assert problems == []


def test_a_page_has_both_drawings_of_a_figure_and_shows_one() -> None:
    page = to_html(compose(*STUDIES["ablation"]))
    figures = re.findall(r"<figure>.*?</figure>", page, re.DOTALL)
    assert figures
    for figure in figures:
        wide, narrow = (float(width) for width in re.findall(r'viewBox="0 0 ([\d.]+) ', figure))
        assert narrow <= 72 * NARROW < wide <= 72 * WIDTH
        assert re.findall(r'<div class="(\w+)"><svg', figure) == ["wide", "narrow"]
    assert "figure .wide { display: none; } figure .narrow { display: block !important; }" in page


def test_a_figure_without_a_narrow_drawing_has_one_for_all_widths() -> None:
    assert Figure("n", "t", "c", Canvas()).narrow is None


def test_names_are_wrapped_with_their_brackets_and_legends_fit() -> None:
    assert wrapped("MAML++ without CA (epochs = 80)", 24, 2) == "MAML++ without CA\n(epochs = 80)"
    assert wrapped("a method with a long name, variant 3 (lr = 0.1)", 16, 2) == "a method with a…\n(lr = 0.1)"
    assert wrapped("MAML", 16, 2) == "MAML"
    assert [legend_columns(["a" * 20] * 4, width) for width in (NARROW, WIDTH)] == [2, 4]
