"""Figures of comparisons and designs: paired differences, effects, Shapley values, the curve of a sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle

from matplotlib.axes import Axes

from ..metric import PERCENT, Metric
from ..statistics.comparison import Comparison
from ..statistics.estimate import Estimate
from ..statistics.factorial import FactorialEffects
from ..statistics.summary import Ablation
from ..statistics.sweep import SweepCurve
from ..text import interval, value_text, without_bars
from .curves import band_line
from .rows import Rows
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
    axis_label,
    canvas,
    legend_above,
    style,
)  # fmt: skip

COLOURS = (BLUE, ORANGE, GREEN, RED, INK)
"""Of a sweep at several values of another setting."""
MOST_COMPARISONS = 40
"""Most comparisons in a figure; the caption says how many there are."""


@also_narrow
def forest_plot(ablation: Ablation, width: float = WIDTH) -> Figure | None:
    """Draw each comparison's mean paired difference with its interval and its seeds; None without any pair."""
    every = [comparison for arm in ablation.arms for comparison in ablation.against(arm.name)]
    comparisons = every[:MOST_COMPARISONS]
    if not any(comparison.differences for comparison in comparisons):
        return None
    rows = _forest_rows(comparisons)
    named = Rows([row if isinstance(row, str) else row.arm for row in rows], width)
    with style():
        drawing = named.canvas(0.9, 0.31)
        axes = drawing.add_subplot()
        for y, row in enumerate(rows):
            if isinstance(row, Comparison):
                _forest_row(axes, y, row, ablation.metric, named)
        named.write(axes, bold=[y for y, row in enumerate(rows) if isinstance(row, str)])
        _forest_axes(axes, ablation.metric, width)
        caption = (
            f"Mean paired difference to the base arm with its {ablation.look_progress.confidence} % interval (Student t"
            " over seeds); small dots are single seeds. Filled: the interval excludes 0. Hollow diamond: one"
            " pair, so no interval."
            + (
                " (finished): some runs diverged; the difference is over those that finished."
                if any(c.survivors for c in comparisons)
                else ""
            )
            + (
                f" Shown are the first {len(comparisons)} of {len(every)} comparisons."
                if len(every) > len(comparisons)
                else ""
            )
            + without_bars(c.estimate for c in comparisons)
        )
        return Figure("differences", "Difference to the base arm", caption, drawing)


def _forest_rows(comparisons: Sequence[Comparison]) -> list[Comparison | str]:
    """Return the rows from top to bottom: a heading for each base, then the arms compared to it."""
    rows: list[Comparison | str] = []
    for base in dict.fromkeys(comparison.base for comparison in comparisons):
        rows += [f"minus {base}", *(comparison for comparison in comparisons if comparison.base == base)]
    return rows


def _forest_row(axes: Axes, y: float, row: Comparison, metric: Metric, named: Rows) -> None:
    found = row.estimate
    text = (
        "no pair"
        if not found.n
        else f"{value_text(found.mean, True, metric)}  {interval(found, True, metric)}"
        + (f"  n = {found.n}" if found.n > 1 else "")
    ) + (" (finished)" if row.survivors else "")
    named.value(axes, y, text)
    if not found.n:
        return
    y += named.shift
    colour, scale = _colour(found, metric), metric.scale
    seeds = [scale * value for value in row.differences.values()]
    axes.plot(seeds, [y + 0.24] * len(seeds), "o", color=FAINT, markersize=2.6, alpha=0.9)
    if ends := found.ends:
        axes.plot([scale * end for end in ends], [y, y], color=colour, linewidth=2.2)
    marker = "D" if found.n == 1 else "o"
    filled = colour if found.excludes_zero else "none"
    axes.plot(scale * found.mean, y, marker, color=colour, markerfacecolor=filled, markersize=6.5, markeredgewidth=1.6)


def _forest_axes(axes: Axes, metric: Metric, width: float) -> None:
    axes.axvline(0, color=INK, linewidth=1, alpha=0.7)
    axes.grid(False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(axis_label(difference_axis(metric, "difference"), width))


def difference_axis(metric: Metric, what: str) -> str:
    """Return the label of an axis of differences: "Test accuracy: effect, percentage points"."""
    unit = "percentage points" if metric.unit == PERCENT else metric.unit
    better = "" if metric.better == "higher" else " (negative: better)"
    return f"{metric.heading}: {what}{f', {unit}' if unit else ''}{better}"


def _colour(found: Estimate, metric: Metric) -> str:
    """Blue where the interval lies on the better side of 0, red where on the other."""
    return (BLUE if metric.sign * found.mean > 0 else RED) if found.excludes_zero else FAINT


@also_narrow
def effects_plot(found: FactorialEffects, metric: Metric, width: float = WIDTH) -> Figure | None:
    """Draw main effects and interactions with their intervals; None without any."""
    if not found.effects:
        return None
    labels = [" × ".join(effect.factors) for effect in found.effects]
    caption = (
        "Main effects, and interactions of two (×), with 95 % intervals (Student t over each seed's own contrast); "
        f"n = {found.effects[0].estimate.n} seeds. Filled: the interval excludes 0."
    )
    title = difference_axis(metric, "effect")
    values = [effect.estimate for effect in found.effects]
    return _dots("effects", "Main effects and interactions", caption, Rows(labels, width), values, title, metric)


@also_narrow
def shapley_bars(found: FactorialEffects, metric: Metric, width: float = WIDTH) -> Figure | None:
    """Draw each component's share of the total gain; None without a seed that has every arm."""
    if not found.gain.n:
        return None
    caption = (
        "Shapley values with 95 % intervals (Student t over seeds); they sum to the whole gain. "
        f"n = {found.gain.n} seeds with every arm."
    )
    values, rows = list(found.shapley.values()), Rows(list(found.shapley), width)
    title = difference_axis(metric, "part of the gain")
    return _dots("shapley", "Split of the whole gain", caption, rows, values, title, metric, bars=True)


def _dots(
    name: str,
    title: str,
    caption: str,
    rows: Rows,
    values: Sequence[Estimate],
    axis: str,
    metric: Metric,
    bars: bool = False,
) -> Figure:
    with style():
        drawing = rows.canvas(0.9, 0.31)
        axes = drawing.add_subplot()
        axes.axvline(0, color=INK, linewidth=1, alpha=0.7)
        for y, found in enumerate(values):
            _dot(axes, y + rows.shift, found, metric, bars)
        rows.write(axes)
        axes.grid(False, axis="y")
        axes.set_xlabel(axis_label(axis, rows.width))
        return Figure(name, title, caption + without_bars(values), drawing)


def _dot(axes: Axes, y: float, found: Estimate, metric: Metric, bars: bool) -> None:
    colour, scale = _colour(found, metric), metric.scale
    if bars:
        axes.barh(y, scale * found.mean, 0.6, color=colour, alpha=0.35)
    if ends := found.ends:
        axes.plot([scale * end for end in ends], [y, y], color=colour, linewidth=2.2)
    filled = colour if found.excludes_zero else "none"
    axes.plot(scale * found.mean, y, "o", color=colour, markerfacecolor=filled, markersize=6.5, markeredgewidth=1.6)


@also_narrow
def sweep_plot(curves: Mapping[str, SweepCurve], metric: Metric, width: float = WIDTH) -> Figure | None:
    """Draw the metric over the swept setting with its band, a line for each value of a setting at which the sweep is
    repeated; None without a complete run.
    """
    points = [point for curve in curves.values() for point in curve.points if point.estimate.n]
    if not points:
        return None
    numeric = all(isinstance(p.value, (int, float)) and not isinstance(p.value, bool) for p in points)
    values = list(dict.fromkeys(p.value for p in points))
    at = {value: float(value) if numeric else float(i) for i, value in enumerate(values)}
    path = next(iter(curves.values())).path
    with style():
        drawing = canvas(width, 3.3)
        axes = drawing.add_subplot()
        for (where, curve), colour in zip(curves.items(), cycle(COLOURS), strict=False):
            own = [point for point in curve.points if point.estimate.n]
            places = [at[p.value] for p in own]
            band_line(axes, places, [p.estimate for p in own], colour, where or None, "o-", metric.scale)
        axes.set_xticks(list(at.values()), [f"{v:g}" if isinstance(v, float) else str(v) for v in values])
        axes.set(xlabel=path, ylabel=metric.label)
        if len(curves) > 1:
            legend_above(drawing, width)
        seeds = sorted({p.estimate.n for p in points})
        caption = (
            f"Mean over seeds (n = {' or '.join(map(str, seeds))}); band: 95 % interval at each value (Student t over"
            f" seeds{' on the logit scale' * metric.is_share})." + without_bars((p.estimate for p in points), "band")
        )
        return Figure("sweep", f"{metric.heading} by {path}", caption, drawing)
