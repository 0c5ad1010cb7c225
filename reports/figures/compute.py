"""Figures of accuracy against counted compute."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

from .. import records as names
from ..metric import Metric
from ..statistics.summary import Ablation, Search, mean_metric
from ..statistics.trial import Trial
from ..tables.compute import TITLE, compute_of, pareto_front, with_compute
from ..text import many, without_bars
from .style import BLUE, GREEN, NARROW, ORANGE, WIDTH, Figure, also_narrow, canvas, legend_above, shorten, style

TWO_SIDED = 1.96
"""Standard errors to either side of a mean that a 95 % interval has."""
LINE = 9.0
"""Height of a line of labels, in points."""
LOG_FROM = 4.0
"""Ratio of largest to smallest compute from which the axis is logarithmic."""


@also_narrow
def cost_plot(search: Search, width: float = WIDTH) -> Figure | None:
    """Draw what trials reached against their compute, the front as a line with its noise, zoomed to where it is; None
    below three complete trials.
    """
    complete, pruned = with_compute(search.complete), with_compute(t for t in search.trials if t.state == names.PRUNED)
    if len(complete) < 3:
        return None
    front, scale = pareto_front(search), search.measured.scale
    with style():
        drawing = canvas(width, 3.4)
        axes = drawing.add_subplot()
        axes.plot(*_points(complete, scale), linestyle="", marker="o", color=BLUE, label=f"complete ({len(complete)})")
        if pruned:
            axes.plot(
                *_points(pruned, scale), linestyle="", marker="o", markerfacecolor="none", color=ORANGE,
                label=f"pruned ({len(pruned)}), at the compute spent",
            )  # fmt: skip
        axes.plot(*_points(front, scale), color=GREEN, drawstyle="steps-post", label="front")
        noise = {trial.label: found for trial in front if (found := trial_noise(trial, search.measured))}
        for trial in front:
            at, value = compute_of(trial), scale * trial.value.mean
            axes.annotate(trial.label, (at, value), (5, 5), textcoords="offset points", fontsize=8)
            if trial.label in noise:
                half = scale * noise[trial.label]
                axes.plot([at, at], [value - half, value + half], color=GREEN, linewidth=1.3, alpha=0.8)
        axes.set(xlabel="Compute, as a multiple of the base config's", ylabel=search.measured.validation_label)
        axes.margins(y=0.12)
        hidden = _zoom(axes, front, [*complete, *pruned], scale, [scale * half for half in noise.values()])
        legend_above(drawing, width)
        left = f" Left out, far from the front: {many(hidden, 'trial')}." if hidden else ""
        caption = (
            f"Each dot is a trial (n = {len(complete)} complete); the line (Pareto front) joins those that no other"
            f" trial matches with less compute.{_noise_text(bool(noise))} A pruned trial is shown with its best so far"
            f" and the compute spent on it.{left} Compute: counted operations of a training and its validation."
            + without_bars(trial.value for trial in front)
        )
        return Figure("cost", TITLE, caption, drawing)


def trial_noise(trial: Trial, measured: Metric) -> float | None:
    """Return half of the 95 % interval of a trial's value: over its seeds, of one seed over its validation tasks; None
    where neither is known.
    """
    if ends := trial.value.ends:
        return (ends[1] - ends[0]) / 2
    run = trial.records[0]
    errors, curve = (dict(run.curves.get(name, ())) for name in (f"{measured.validation}_se", measured.validation))
    best = max(curve, key=lambda epoch: measured.sign * curve[epoch], default=0)
    error = errors.get(best)
    return TWO_SIDED * error if error is not None and len(trial.records) == 1 else None


def _noise_text(known: bool) -> str:
    if not known:
        return ""
    return (
        " Bars: 95 % over seeds, or where a trial has one seed over its validation tasks (1.96 standard errors), which"
        " leaves out the noise of seeds; steps of the front that are smaller than a bar may be chance."
    )


def _zoom(axes: Axes, front: Sequence[Trial], trials: Sequence[Trial], scale: float, bars: Sequence[float]) -> int:
    """Show the heights around the front; return how many trials lie outside."""
    heights = [scale * trial.value.mean for trial in front]
    room = max(0.5 * (max(heights) - min(heights)), 1.3 * max(bars, default=0.0), 0.02 * abs(max(heights)))
    low, high = min(heights) - room, max(heights) + room
    seen = [trial for trial in trials if low <= scale * trial.value.mean <= high]
    compute = [compute_of(trial) for trial in seen]
    _scale(axes, compute)
    if len(seen) < len(trials):
        axes.set_ylim(low, high)
        axes.set_xlim(0.93 * min(compute), 1.07 * max(compute))
    return len(trials) - len(seen)


@also_narrow
def arm_costs(found: Ablation, width: float = WIDTH) -> Figure | None:
    """Draw each arm's mean against its compute; None where compute is unknown or the same everywhere."""
    known = [(arm, compute) for arm in found.arms if arm.values and (compute := mean_metric(arm.used, names.COMPUTE))]
    if len({round(compute, 6) for _, compute in known}) < 2:
        return None
    bases, scale = {comparison.base for comparison in found.comparisons}, found.metric.scale
    with style():
        drawing = canvas(width, 3.6 if width > NARROW else 3.0 + 0.17 * len(known))
        axes = drawing.add_subplot()
        for arm, compute in sorted(known, key=lambda one: one[0].name in bases):
            e, colour = arm.estimate, ORANGE if arm.name in bases else BLUE
            if e.ends:
                axes.plot([compute] * 2, [scale * end for end in e.ends], color=colour, linewidth=1.4, alpha=0.6)
            axes.plot(compute, scale * e.mean, "o", color=colour)
        axes.set(xlabel="Compute, as a multiple of the base config's", ylabel=found.metric.label)
        axes.margins(x=0.16, y=0.12)
        _scale(axes, [compute for _, compute in known])
        dots = [(arm.name, at, scale * arm.estimate.mean) for arm, at in known]
        _label(axes, dots) if width > NARROW else _number_dots(drawing, axes, dots)
        caption = (
            "Each dot is an arm: its mean with the 95 % interval (Student t over seeds). Orange: base arms."
            " Compute: counted operations of a training and its validation."
            + without_bars(arm.estimate for arm, _ in known)
        )
        return Figure("arm-costs", f"{found.metric.heading} against compute", caption, drawing)


def _label(axes: Axes, dots: Sequence[tuple[str, float, float]]) -> None:
    """Label each dot on its right; labels that would overlap move up."""
    dots = [(shorten(name), compute, value) for name, compute, value in dots]
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


def _number_dots(drawing: Canvas, axes: Axes, dots: Sequence[tuple[str, float, float]]) -> None:
    """Label dots by numbers, where names have no room; the legend has the names."""
    _label(axes, [(str(place), compute, value) for place, (_, compute, value) in enumerate(dots, 1)])
    keys = {f"{place}  {shorten(name)}": Line2D([], [], linestyle="") for place, (name, *_) in enumerate(dots, 1)}
    legend_above(drawing, NARROW, keys, handlelength=0, handletextpad=0)


def _scale(axes: Axes, compute: Sequence[float]) -> None:
    if max(compute) < LOG_FROM * min(compute):
        return
    axes.set_xscale("log")
    axis = axes.xaxis
    axis.set_major_locator(LogLocator(10, (1.0, 2.0, 5.0)))
    axis.set_major_formatter(ScalarFormatter())
    axis.set_minor_formatter(NullFormatter())


def _points(trials: Sequence[Trial], scale: float) -> tuple[list[float], list[float]]:
    return [compute_of(trial) for trial in trials], [scale * trial.value.mean for trial in trials]
