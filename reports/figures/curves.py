"""Training curves of arms with their bands: the base arms in one figure, and a panel per arm."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from .. import records as names
from ..metric import Metric
from ..statistics.arms import Arm
from ..statistics.estimate import Estimate, band
from ..statistics.summary import Ablation
from ..text import without_bars
from .style import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    ORANGE,
    RED,
    WIDTH,
    Figure,
    also_narrow,
    canvas,
    columns_of,
    legend_above,
    shorten,
    style,
    wrapped,
)  # fmt: skip

LOSS = Metric(names.VAL_LOSS, better="lower", title="Validation loss")

PANELS_A_ROW = 4

MOST_PANELS = 12
"""Most arms with a panel; the caption says how many there are."""
COLOURS = (ORANGE, BLUE, GREEN, RED, FAINT)
LETTER = 5.9
"""Width of a letter of a panel's title, in points."""


@also_narrow
def main_curves(ablation: Ablation, width: float = WIDTH) -> Figure | None:
    """Draw the base arms' values on validation data by epoch in one picture: MAML against MAML++; None without two of
    them.
    """
    metric = ablation.measured
    wanted = dict.fromkeys(["MAML", "MAML++", *(c.base for c in ablation.comparisons)])
    arms = [arm for arm in ablation.arms if arm.name in wanted and _curves(arm, metric.validation)][: len(COLOURS)]
    if len(arms) < 2:
        return None
    with style():
        drawing, shown = canvas(width, 3.4), list[Estimate]()
        axes = drawing.add_subplot()
        for arm, colour in zip(arms, COLOURS, strict=False):
            curves = _curves(arm, metric.validation)
            for curve in curves if len(curves) > 1 else ():
                values = [metric.scale * value for value in curve.values()]
                axes.plot(list(curve), values, color=colour, alpha=0.35, linewidth=0.6)
            points = band(curves, accuracies=metric.is_share)
            shown += [found for _, found in points]
            label = f"{shorten(arm.name)} (n = {len(curves)})"
            band_line(axes, [step for step, _ in points], [e for _, e in points], colour, label, "-", metric.scale)
        axes.set(xlabel="Epoch", ylabel=metric.validation_label)
        axes.xaxis.set_major_locator(MaxNLocator(12, integer=True))
        legend_above(drawing, width)
        caption = (
            "Thick: mean over the complete seeds; band: 95 % interval at each epoch (Student t over seeds,"
            f"{' accuracies on the logit scale,' if metric.is_share else ''} none for n = 1). Thin: single seeds."
            + without_bars(shown, "band")
        )
        return Figure(
            "main_curves", f"Validation {metric.heading} of the arms that others are compared to", caption, drawing
        )


def _curves(arm: Arm, name: str) -> list[dict[int, float]]:
    return [dict(curve) for record in arm.used if (curve := record.curves.get(name))]


def band_line(
    axes: Axes,
    places: Sequence[float],
    found: Sequence[Estimate],
    colour: str,
    label: str | None,
    look: str,
    scale: float = 100,
) -> None:
    """Draw means times `scale` over `places`, with their intervals as a band."""
    axes.plot(places, [scale * e.mean for e in found], look, color=colour, label=label)
    draw_band(axes, places, found, colour, scale)


def draw_band(
    axes: Axes, places: Sequence[float], found: Sequence[Estimate], colour: str, scale: float, alpha: float = 0.18
) -> None:
    """Fill between the ends of intervals times `scale`; open where there is none."""
    ends = [e.ends or (math.nan, math.nan) for e in found]
    if any(e.ends for e in found):
        low, high = ([scale * end for end in side] for side in zip(*ends, strict=True))
        axes.fill_between(places, low, high, color=colour, alpha=alpha, linewidth=0)


@also_narrow
def arm_curves(ablation: Ablation, name: str, width: float = WIDTH) -> Figure | None:
    """Draw the mean of a validation metric by epoch with its band, a panel per arm; None if no arm has a curve."""
    curves = {arm.name: _curves(arm, name) for arm in ablation.arms}
    every = [arm for arm in ablation.arms if curves[arm.name]]
    arms = every[:MOST_PANELS]
    if not arms:
        return None
    metric = LOSS if name == names.VAL_LOSS else ablation.measured
    title = metric.heading if metric is LOSS else metric.validation_label
    columns = min(columns_of(width, PANELS_A_ROW, 2), len(arms))
    rows = math.ceil(len(arms) / columns)
    letters = int(72 * (min(width, 0.5 + 3.1 * columns) - 0.7) / columns / LETTER)
    titles = {arm.name: wrapped(arm.name, letters, 2) for arm in arms}
    height = 1.95 + 0.15 * max(title.count("\n") for title in titles.values())
    with style():
        drawing = canvas(min(width, 0.5 + 3.1 * columns), 0.5 + height * rows)
        grid = drawing.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        drawn = []
        for panel, arm in zip(grid.flat, arms, strict=False):
            base = next((c.base for c in ablation.against(arm.name)), None)
            drawn.append(_arm_panel(panel, arm, curves, base, metric))
            dashed = base and shorten(_unlike(base, arm.name), letters - 8)
            _title(panel, titles[arm.name], len(curves[arm.name]), dashed)
        _arm_axes(grid, len(arms), columns)
        drawing.supylabel(title, fontsize=9.5, color=INK)
        drawing.supxlabel("Epoch", fontsize=9.5, color=INK)
        caption = (
            "Mean over the complete seeds of an arm; band: 95 % interval at each epoch (Student t over seeds,"
            f"{' accuracies on the logit scale,' if metric is LOSS or metric.is_share else ''} none for n = 1). Dashed:"
            " the base arm."
        )
        caption += without_bars((found for means in drawn for found in means), "band")
        caption += f" The first {len(arms)} of {len(every)} arms." if len(every) > len(arms) else ""
        return Figure(f"curves_{name}", f"{title.partition(', ')[0]} by epoch", caption, drawing)


def _arm_panel(
    panel: Axes, arm: Arm, curves: Mapping[str, list[dict[int, float]]], base: str | None, metric: Metric
) -> Sequence[Estimate]:
    """Draw an arm, and return its means."""
    scale = metric.scale
    if base and curves[base]:
        mean = band(curves[base], accuracies=metric.is_share)
        panel.plot(
            [step for step, _ in mean], [scale * found.mean for _, found in mean], "--", color=FAINT, linewidth=1.4
        )
    points = band(curves[arm.name], accuracies=metric.is_share)
    steps, means = [step for step, _ in points], [found for _, found in points]
    panel.plot(steps, [scale * found.mean for found in means], color=BLUE)
    draw_band(panel, steps, means, BLUE, scale, 0.22)
    return means


def _unlike(base: str, arm: str) -> str:
    """Return the base's name, without the bracket that both names end in."""
    name, _, end = base.rpartition(" (")
    return name if name and arm.endswith(f" ({end}") else base


def _title(panel: Axes, title: str, n: int, base: str | None) -> None:
    """Write a panel's title and below it n; both may reach beyond the panel, as far as there is room."""
    panel.set_title(f"{title}\n", fontsize=9)
    note = f"n = {n}" + (f", dashed: {base}" if base else "")
    place = panel.annotate(note, (0, 1), (0, 3), xycoords="axes fraction", textcoords="offset points", fontsize=8)
    place.set_in_layout(False)


def _arm_axes(grid: Any, count: int, columns: int) -> None:
    for i, panel in enumerate(grid.flat):
        panel.set_visible(i < count)
        panel.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        panel.tick_params(labelbottom=i + columns >= count)
