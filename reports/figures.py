"""The pictures of a report. Each function takes statistics and returns a `Figure`; nothing is written here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator

from . import records as names
from .budget import expected_best
from .comparison import Comparison
from .importance import Importance
from .records import RunRecord
from .statistics import band
from .summary import Ablation, Arm, Search, Trial
from .svg import BLUE, FAINT, GREEN, INK, ORANGE, RED, Figure, canvas, clean, style, to_pdf, to_svg
from .tables import METRIC_TITLES, interval, percent

WIDTH = 9.2
PANELS_A_ROW = 4
MOST_PANELS, MOST_COMPARISONS, MOST_CURVES = 8, 40, 100
"""How much a figure draws; beyond, it says of how many these are the first."""
CURVE_LOOKS: dict[str, dict[str, Any]] = {
    "best trial": {"color": GREEN, "linewidth": 2.4, "zorder": 5},
    names.COMPLETE: {"color": BLUE, "linewidth": 1.1, "alpha": 0.7},
    names.PRUNED: {"color": ORANGE, "linewidth": 1.1, "alpha": 0.85, "linestyle": (0, (4, 2))},
    "other ends": {"color": RED, "linewidth": 1.1, "linestyle": ":"},
}
"""Kinds of trials' curves in the order of the legend."""
CURVES = {names.VAL_ACCURACY: ("Validation accuracy, %", 100.0), names.VAL_LOSS: ("Validation loss", 1.0)}


def _shorten(text: str, most: int = 34) -> str:
    text = clean(text)
    return text if len(text) <= most else text[: most - 1] + "…"


def _finish(drawing: Canvas, name: str, title: str, caption: str) -> Figure:
    return Figure(name, title, caption, to_svg(drawing, name, f"{title}. {caption}"), to_pdf(drawing))


def forest_plot(ablation: Ablation) -> Figure | None:
    """Draw each comparison's mean paired difference with its interval and its seeds; None without any pair."""
    every = [comparison for arm in ablation.arms for comparison in ablation.against(arm.name)]
    comparisons = every[:MOST_COMPARISONS]
    if not any(comparison.differences for comparison in comparisons):
        return None
    rows = _forest_rows(comparisons)
    with style():
        drawing = canvas(WIDTH, 0.9 + 0.31 * len(rows))
        axes = drawing.add_subplot()
        for y, row in enumerate(rows):
            if isinstance(row, Comparison):
                _forest_row(axes, y, row)
        _forest_axes(axes, rows, METRIC_TITLES[ablation.metric])
        caption = (
            "Mean paired difference to the base arm with its 95 % interval (Student t over seeds); small dots are single seeds. "
            "Filled: the interval leaves out 0. A hollow diamond is one pair: no interval."
            + (f" The first {len(comparisons)} of {len(every)} comparisons." if len(every) > len(comparisons) else "")
        )
        return _finish(drawing, "differences", "Difference to the base arm", caption)


def _forest_rows(comparisons: Sequence[Comparison]) -> list[Comparison | str]:
    """Return the rows from top to bottom: a heading for each base, then the arms compared to it."""
    rows: list[Comparison | str] = []
    for base in dict.fromkeys(comparison.base for comparison in comparisons):
        rows += [f"minus {base}", *(comparison for comparison in comparisons if comparison.base == base)]
    return rows


def _forest_row(axes: Axes, y: int, row: Comparison) -> None:
    found = row.estimate
    text = (
        "no pair"
        if not found.n
        else f"{percent(found.mean, True)}  {interval(found, True)}" + (f"  n = {found.n}" if found.n > 1 else "")
    )
    axes.annotate(text, (1.015, y), xycoords=("axes fraction", "data"), va="center", fontsize=8.5)
    if not found.n:
        return
    colour = (BLUE if found.mean > 0 else RED) if found.excludes_zero else FAINT
    seeds = [100 * value for value in row.differences.values()]
    axes.plot(seeds, [y + 0.24] * len(seeds), "o", color=FAINT, markersize=2.6, alpha=0.9)
    if found.low is not None and found.high is not None:
        axes.plot([100 * found.low, 100 * found.high], [y, y], color=colour, linewidth=2.2)
    marker = "D" if found.n == 1 else "o"
    filled = colour if found.excludes_zero else "none"
    axes.plot(100 * found.mean, y, marker, color=colour, markerfacecolor=filled, markersize=6.5, markeredgewidth=1.6)


def _forest_axes(axes: Axes, rows: Sequence[Comparison | str], metric: str) -> None:
    axes.axvline(0, color=INK, linewidth=1, alpha=0.7)
    axes.set_yticks(range(len(rows)), [_shorten(row if isinstance(row, str) else row.arm) for row in rows])
    for row, label in zip(rows, axes.get_yticklabels(), strict=True):
        label.set_fontweight("bold" if isinstance(row, str) else "normal")
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(f"{metric}: difference, percentage points")


def arm_curves(ablation: Ablation, metric: str) -> Figure | None:
    """Draw the mean of a validation metric by epoch with its band, a panel an arm; None if no arm has a curve."""
    curves = {arm.name: _seed_curves(arm, metric) for arm in ablation.arms}
    every = [arm for arm in ablation.arms if curves[arm.name]]
    arms = every[:MOST_PANELS]
    if not arms:
        return None
    title, scale = CURVES[metric]
    columns = min(PANELS_A_ROW, len(arms))
    rows = math.ceil(len(arms) / columns)
    with style():
        drawing = canvas(WIDTH if columns > 2 else 3.6 * columns, 0.5 + 1.95 * rows)
        grid = drawing.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        for panel, arm in zip(grid.flat, arms, strict=False):
            _arm_panel(panel, arm, curves, ablation.against(arm.name), scale)
        _arm_axes(grid, len(arms), columns)
        drawing.supylabel(title, fontsize=9.5, color=INK)
        drawing.supxlabel("Epoch", fontsize=9.5, color=INK)
        caption = "Mean over the complete seeds of an arm; band: 95 % interval at each epoch (Student t over seeds, none for n = 1). Dashed: the base arm."
        caption += f" The first {len(arms)} of {len(every)} arms." if len(every) > len(arms) else ""
        return _finish(drawing, f"curves_{metric}", f"{title.removesuffix(', %')} by epoch", caption)


def _seed_curves(arm: Arm, metric: str) -> list[dict[int, float]]:
    return [dict(curve) for record in arm.used if (curve := record.curves.get(metric))]


def _arm_panel(
    panel: Axes, arm: Arm, curves: Mapping[str, list[dict[int, float]]], comparisons: Sequence[Comparison], scale: float
) -> None:
    base = comparisons[0].base if comparisons else None
    if base and curves[base]:
        mean = band(curves[base])
        panel.plot(
            [step for step, _ in mean], [scale * found.mean for _, found in mean], "--", color=FAINT, linewidth=1.4
        )
    points = band(curves[arm.name])
    steps = [step for step, _ in points]
    panel.plot(steps, [scale * found.mean for _, found in points], color=BLUE)
    bounded = [
        (step, found.low, found.high) for step, found in points if found.low is not None and found.high is not None
    ]
    if bounded:
        low, high = [scale * low for _, low, _ in bounded], [scale * high for _, _, high in bounded]
        panel.fill_between([step for step, *_ in bounded], low, high, color=BLUE, alpha=0.22, linewidth=0)
    note = f"n = {len(curves[arm.name])}" + (f", dashed: {_shorten(base, 22)}" if base else "")
    panel.set_title(f"{_shorten(arm.name, 26)}\n", fontsize=9)
    panel.annotate(note, (0, 1), (0, 3), xycoords="axes fraction", textcoords="offset points", fontsize=8)


def _arm_axes(grid: Any, count: int, columns: int) -> None:
    for i, panel in enumerate(grid.flat):
        panel.set_visible(i < count)
        panel.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        panel.tick_params(labelbottom=i + columns >= count)


def history(search: Search) -> Figure | None:
    """Draw every trial's value by number, and the best complete one so far; None if no trial has a value."""
    trials = sorted((t for t in search.trials if t.number is not None), key=lambda t: t.number or 0)
    groups = {state: [t for t in trials if t.state == state and t.value.n] for state in (names.COMPLETE, names.PRUNED)}
    lost = [t for t in trials if t.state not in groups]
    if not any(groups.values()):
        return None
    with style():
        drawing = canvas(WIDTH, 3.3)
        axes = drawing.add_subplot()
        _best_so_far(axes, groups[names.COMPLETE], last=max(t.number or 0 for t in trials))
        _dots(axes, groups[names.COMPLETE], f"complete ({len(groups[names.COMPLETE])})", marker="o", color=BLUE)
        _dots(
            axes,
            groups[names.PRUNED],
            f"pruned, best until then ({len(groups[names.PRUNED])})",
            marker="v",
            color=ORANGE,
            markerfacecolor="none",
        )
        if lost:
            label = (
                f"ended without result: {', '.join(sorted({t.state.replace('_', ' ') for t in lost}))} ({len(lost)})"
            )
            at = axes.get_xaxis_transform()
            axes.plot(
                [t.number or 0 for t in lost],
                [0.02] * len(lost),
                "x",
                color=RED,
                transform=at,
                label=label,
                clip_on=False,
            )
        axes.set(xlabel="Trial", ylabel="Validation accuracy, %")
        axes.xaxis.set_major_locator(MaxNLocator(12, integer=True))
        drawing.legend(loc="outside upper left", ncols=4)
        caption = "Validation accuracy of each trial's best epoch. The line rises with the number of trials by chance alone: it is biased upward."
        return _finish(drawing, "history", "Optimisation history", caption)


def expected_best_curve(search: Search) -> Figure | None:
    """Draw the expected best value against the number of trials; None below three complete trials."""
    values = [trial.value.mean for trial in search.complete]
    if len(values) < 3:
        return None
    found = expected_best(values)
    with style():
        drawing = canvas(WIDTH, 3.0)
        axes = drawing.add_subplot()
        axes.plot(found.trials, [100 * value for value in found.mean], color=BLUE)
        low, high = [100 * value for value in found.low], [100 * value for value in found.high]
        axes.fill_between(found.trials, low, high, color=BLUE, alpha=0.18, linewidth=0)
        axes.set(xlabel="Complete trials", ylabel="Expected best validation accuracy, %")
        axes.xaxis.set_major_locator(MaxNLocator(12, integer=True))
        caption = (
            f"Expected maximum of so many draws from the n = {len(values)} complete trials (Dodge et al. 2019); band: 95 % bootstrap over trials. "
            "It treats trials as independent, which those of an adaptive sampler are not; pruned trials are left out."
        )
        return _finish(drawing, "expected_best", "Expected best against budget", caption)


def _dots(axes: Axes, trials: Sequence[Trial], label: str, **look: Any) -> None:
    if trials:
        axes.plot(
            [t.number or 0 for t in trials],
            [100 * t.value.mean for t in trials],
            linestyle="",
            markersize=6,
            label=label,
            **look,
        )


def _best_so_far(axes: Axes, complete: Sequence[Trial], last: int) -> None:
    best, steps = -math.inf, []
    for trial in complete:
        best = max(best, 100 * trial.value.mean)
        steps.append((trial.number, best))
    if steps:
        steps.append((last, best))
        axes.step(*zip(*steps, strict=True), where="post", color=GREEN, linewidth=1.5, label="best complete so far")


def trial_curves(search: Search) -> Figure | None:
    """Draw the validation accuracy of every trial by epoch, the best one on top; None without curves."""
    best = search.complete[0].records if search.complete else ()
    records = [
        (trial, record)
        for trial in reversed(search.trials[:MOST_CURVES])
        for record in trial.records
        if record.curves.get(names.VAL_ACCURACY)
    ]
    if not records:
        return None
    with style():
        drawing = canvas(WIDTH, 3.3)
        axes = drawing.add_subplot()
        seen: set[str] = set()
        for trial, record in records:
            label = _curve_kind(trial.state, record in best)
            _curve(axes, record, None if label in seen else label, CURVE_LOOKS[label])
            seen.add(label)
        axes.set(xlabel="Epoch", ylabel="Validation accuracy, %")
        axes.xaxis.set_major_locator(MaxNLocator(12, integer=True))
        handles, labels = axes.get_legend_handles_labels()
        lines = dict(zip(labels, handles, strict=True))
        shown = [name for name in CURVE_LOOKS if name in lines]
        drawing.legend([lines[name] for name in shown], shown, loc="outside upper left", ncols=4)
        caption = (
            "One line a run (n = 1 each, no interval). A line of a pruned or diverged trial ends where it was stopped."
        )
        if len(search.trials) > MOST_CURVES:
            caption += f" The best {MOST_CURVES} of {len(search.trials)} trials."
        return _finish(drawing, "trial_curves", "Learning curves of the trials", caption)


def _curve_kind(state: str, best: bool) -> str:
    if best:
        return "best trial"
    return state if state in CURVE_LOOKS else "other ends"


def _curve(axes: Axes, record: RunRecord, label: str | None, look: Mapping[str, Any]) -> None:
    points = record.curves[names.VAL_ACCURACY]
    (line,) = axes.plot([step for step, _ in points], [100 * value for _, value in points], label=label, **look)
    if record.state != names.COMPLETE or len(points) == 1:
        axes.plot(points[-1][0], 100 * points[-1][1], "o", color=line.get_color(), markersize=3)


def importance_bars(importance: Importance) -> Figure | None:
    """Draw each parameter's share by both methods; None where there are no numbers."""
    parameters = importance.parameters
    if not parameters:
        return None
    with style():
        drawing = canvas(WIDTH, 1.0 + 0.42 * len(parameters))
        axes = drawing.add_subplot()
        places = range(len(parameters))
        forest, spread = [100 * p.forest for p in parameters], [100 * p.forest_sd for p in parameters]
        error = {"ecolor": INK, "elinewidth": 1}
        axes.barh(
            [y - 0.18 for y in places],
            forest,
            0.33,
            xerr=spread,
            error_kw=error,
            color=BLUE,
            label="random forest, permutation",
        )
        axes.barh(
            [y + 0.18 for y in places], [100 * p.ped_anova for p in parameters], 0.33, color=ORANGE, label="PED-ANOVA"
        )
        axes.set_yticks(places, [_shorten(p.name, 40) for p in parameters])
        axes.set_ylim(len(parameters) - 0.4, -0.6)
        axes.set_xlim(0)
        axes.set_xlabel("Share of the importance, %")
        axes.grid(False, axis="y")
        drawing.legend(loc="outside upper left", ncols=2)
        caption = f"n = {importance.n_trials} complete trials. Whisker: standard deviation over refits of the forest, not an interval over searches."
        return _finish(drawing, "importance", "Parameter importance", caption)
