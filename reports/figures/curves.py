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
from ..statistics.comparison import Comparison
from ..statistics.estimate import Estimate, band
from ..statistics.summary import Ablation
from ..text import without_bars
from .style import BLUE, FAINT, GREEN, INK, ORANGE, RED, WIDTH, Figure, canvas, shorten, style

LOSS = Metric(names.VAL_LOSS, better="lower", title="Validation loss")

PANELS_A_ROW = 4

MOST_PANELS = 12
"""Most arms with a panel; the caption says how many there are."""
COLOURS = (ORANGE, BLUE, GREEN, RED, FAINT)


def main_curves(ablation: Ablation) -> Figure | None:
    """Draw the base arms' values on validation data by epoch in one picture: MAML against MAML++; None without two of
    them.
    """
    metric = ablation.measured
    wanted = dict.fromkeys(["MAML", "MAML++", *(c.base for c in ablation.comparisons)])
    arms = [arm for arm in ablation.arms if arm.name in wanted and _curves(arm, metric.validation)][: len(COLOURS)]
    if len(arms) < 2:
        return None
    with style():
        drawing, shown = canvas(WIDTH, 3.4), list[Estimate]()
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
        drawing.legend(loc="outside upper left", ncols=3)
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


def arm_curves(ablation: Ablation, name: str) -> Figure | None:
    """Draw the mean of a validation metric by epoch with its band, a panel per arm; None if no arm has a curve."""
    curves = {arm.name: _curves(arm, name) for arm in ablation.arms}
    every = [arm for arm in ablation.arms if curves[arm.name]]
    arms = every[:MOST_PANELS]
    if not arms:
        return None
    metric = LOSS if name == names.VAL_LOSS else ablation.measured
    title = metric.heading if metric is LOSS else metric.validation_label
    columns = min(PANELS_A_ROW, len(arms))
    rows = math.ceil(len(arms) / columns)
    with style():
        drawing = canvas(WIDTH if columns > 2 else 3.6 * columns, 0.5 + 1.95 * rows)
        grid = drawing.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        panels = zip(grid.flat, arms, strict=False)
        drawn = [_arm_panel(panel, arm, curves, ablation.against(arm.name), metric) for panel, arm in panels]
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
    panel: Axes, arm: Arm, curves: Mapping[str, list[dict[int, float]]], comparisons: Sequence[Comparison],
    metric: Metric,
) -> Sequence[Estimate]:  # fmt: skip
    """Draw an arm, and return its means."""
    scale = metric.scale
    base = comparisons[0].base if comparisons else None
    if base and curves[base]:
        mean = band(curves[base], accuracies=metric.is_share)
        panel.plot(
            [step for step, _ in mean], [scale * found.mean for _, found in mean], "--", color=FAINT, linewidth=1.4
        )
    points = band(curves[arm.name], accuracies=metric.is_share)
    steps, means = [step for step, _ in points], [found for _, found in points]
    panel.plot(steps, [scale * found.mean for found in means], color=BLUE)
    draw_band(panel, steps, means, BLUE, scale, 0.22)
    note = f"n = {len(curves[arm.name])}" + (f", dashed: {shorten(base, 22)}" if base else "")
    panel.set_title(f"{shorten(arm.name, 26)}\n", fontsize=9)
    panel.annotate(note, (0, 1), (0, 3), xycoords="axes fraction", textcoords="offset points", fontsize=8)
    return means


def _arm_axes(grid: Any, count: int, columns: int) -> None:
    for i, panel in enumerate(grid.flat):
        panel.set_visible(i < count)
        panel.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        panel.tick_params(labelbottom=i + columns >= count)
