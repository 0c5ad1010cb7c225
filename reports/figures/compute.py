"""Figures of accuracy against counted compute."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

from .. import records as names
from ..metric import Metric
from ..statistics.summary import Ablation, Search, Trial, mean_metric
from ..tables.compute import TITLE, compute_of, pareto_front, with_compute
from .style import BLUE, GREEN, ORANGE, Figure, canvas, shorten, style

LINE = 9.0
"""Height of a line of labels, in points."""
LOG_FROM = 4.0
"""Ratio of largest to smallest compute from which the axis is logarithmic."""


def cost_plot(search: Search) -> Figure | None:
    """Draw validation accuracy against compute with the Pareto front as a line and pruned trials hollow; None below
    three complete trials.
    """
    complete, pruned = with_compute(search.complete), with_compute(t for t in search.trials if t.state == names.PRUNED)
    if len(complete) < 3:
        return None
    front = pareto_front(search)
    with style():
        drawing = canvas(9.2, 3.2)
        axes = drawing.add_subplot()
        metric = search.measured
        axes.plot(*_points(complete, metric), linestyle="", marker="o", color=BLUE, label=f"complete ({len(complete)})")
        if pruned:
            axes.plot(
                *_points(pruned, metric), linestyle="", marker="o", markerfacecolor="none", color=ORANGE,
                label=f"pruned ({len(pruned)}), at the compute spent",
            )  # fmt: skip
        axes.plot(*_points(front, metric), color=GREEN, drawstyle="steps-post", label="front")
        for trial in front:
            axes.annotate(
                trial.label, (compute_of(trial), metric.scale * trial.value.mean), (4, 4),
                textcoords="offset points", fontsize=8,
            )  # fmt: skip
        axes.set(xlabel="Compute, as a multiple of the base config's", ylabel=metric.validation_label)
        axes.margins(y=0.12)
        _scale(axes, [compute_of(trial) for trial in [*complete, *pruned]])
        axes.legend(loc="lower right" if metric.sign > 0 else "upper right")
        caption = (
            f"Each dot is a trial (n = {len(complete)} complete); the line (Pareto front) joins those that no other"
            " trial matches with less compute. A pruned trial is shown with its best accuracy so far and the compute"
            " spent on it."
            " Compute: counted operations of a training and its validation."
        )
        return Figure("cost", TITLE, caption, drawing)


def arm_costs(found: Ablation) -> Figure | None:
    """Draw each arm's mean against its compute; None where compute is unknown or the same everywhere."""
    known = [(arm, compute) for arm in found.arms if arm.values and (compute := mean_metric(arm.used, names.COMPUTE))]
    if len({round(compute, 6) for _, compute in known}) < 2:
        return None
    bases, scale = {comparison.base for comparison in found.comparisons}, found.metric.scale
    with style():
        drawing = canvas(9.2, 3.6)
        axes = drawing.add_subplot()
        for arm, compute in known:
            e, colour = arm.estimate, ORANGE if arm.name in bases else BLUE
            if e.low is not None and e.high is not None:
                axes.plot([compute] * 2, [scale * e.low, scale * e.high], color=colour, linewidth=1.4, alpha=0.6)
            axes.plot(compute, scale * e.mean, "o", color=colour)
        axes.set(xlabel="Compute, as a multiple of the base config's", ylabel=found.metric.label)
        axes.margins(x=0.16, y=0.12)
        _scale(axes, [compute for _, compute in known])
        _label(axes, [(shorten(arm.name, 28), compute, scale * arm.estimate.mean) for arm, compute in known])
        caption = (
            "Each dot is an arm: its mean with the 95 % interval (Student t over seeds). Orange: base arms."
            " Compute: counted operations of a training and its validation."
        )
        return Figure("arm-costs", f"{found.metric.heading} against compute", caption, drawing)


def _label(axes: Axes, dots: Sequence[tuple[str, float, float]]) -> None:
    """Label each dot on its right; labels that would overlap move up."""
    axes.autoscale_view()  # fixes the limits that page positions depend on
    shown = axes.transData.transform([dot[1:] for dot in dots]) * 72 / axes.figure.dpi
    placed: list[tuple[float, float, float]] = []
    for (name, compute, value), (x, y) in sorted(zip(dots, shown, strict=True), key=lambda one: one[1][1]):
        low, width = y - 3.0, 4.6 * len(name)
        for left, right, top in sorted(placed, key=lambda one: one[2]):
            if left < x + width and x < right and top - 2 * LINE < low < top:
                low = top
        placed.append((x, x + width, low + LINE))
        axes.annotate(name, (compute, value), (5, low - y), textcoords="offset points", fontsize=7.5)


def _scale(axes: Axes, compute: Sequence[float]) -> None:
    if max(compute) < LOG_FROM * min(compute):
        return
    axes.set_xscale("log")
    axis = axes.xaxis
    axis.set_major_locator(LogLocator(10, (1.0, 2.0, 5.0)))
    axis.set_major_formatter(ScalarFormatter())
    axis.set_minor_formatter(NullFormatter())


def _points(trials: Sequence[Trial], metric: Metric) -> tuple[list[float], list[float]]:
    return [compute_of(trial) for trial in trials], [metric.scale * trial.value.mean for trial in trials]
