"""Figures of a search: history, learning curves, best value by budget, parameter importance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from .. import records as names
from ..metric import Metric
from ..records import RunRecord, StudyInfo
from ..statistics.expected_best import best_so_far, expected_best, independent_trials
from ..statistics.importance import Importance
from ..statistics.summary import Search
from ..statistics.trial import Trial
from ..tables.importance import shown_name
from .rows import Rows
from .style import BLUE, GREEN, INK, ORANGE, RED, WIDTH, Figure, also_narrow, axis_label, canvas, legend_above, style

CURVE_LOOKS: dict[str, dict[str, Any]] = {
    "best trial": {"color": GREEN, "linewidth": 2.4, "zorder": 5},
    names.COMPLETE: {"color": BLUE, "linewidth": 1.1, "alpha": 0.7},
    names.PRUNED: {"color": ORANGE, "linewidth": 1.1, "alpha": 0.85, "linestyle": (0, (4, 2))},
    "other ends": {"color": RED, "linewidth": 1.1, "linestyle": ":"},
}
"""Kinds of curves, in the order of the legend."""

MOST_CURVES = 100
"""Most trials whose curves a figure draws; the caption says how many there are."""


@also_narrow
def history(search: Search, width: float = WIDTH) -> Figure | None:
    """Draw every trial's value by number, and the best complete one so far; None if no trial has a value."""
    trials = sorted((t for t in search.trials if t.number is not None), key=lambda t: t.number or 0)
    groups = {state: [t for t in trials if t.state == state and t.value.n] for state in (names.COMPLETE, names.PRUNED)}
    lost = [t for t in trials if t.state not in groups]
    if not any(groups.values()):
        return None
    with style():
        drawing = canvas(width, 3.3)
        axes = drawing.add_subplot()
        metric = search.measured
        _best_so_far(axes, groups[names.COMPLETE], metric, last=max(t.number or 0 for t in trials))
        _dots(axes, metric, groups[names.COMPLETE], f"complete ({len(groups[names.COMPLETE])})", marker="o", color=BLUE)
        _dots(
            axes,
            metric,
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
        axes.set(xlabel="Trial", ylabel=metric.validation_label)
        axes.xaxis.set_major_locator(MaxNLocator(12, integer=True))
        legend_above(drawing, width)
        caption = (
            f"Validation {metric.words} of each trial's best epoch. The line {'rises' if metric.sign > 0 else 'falls'}"
            f" with the number of trials by chance alone: it is biased {metric.biased}."
        )
        return Figure("history", "Optimisation history", caption, drawing)


def _dots(axes: Axes, metric: Metric, trials: Sequence[Trial], label: str, **look: Any) -> None:
    if trials:
        axes.plot(
            [t.number or 0 for t in trials],
            [metric.scale * t.value.mean for t in trials],
            linestyle="",
            markersize=6,
            label=label,
            **look,
        )


def _best_so_far(axes: Axes, complete: Sequence[Trial], metric: Metric, last: int) -> None:
    steps: list[tuple[int, float]] = []
    for trial in complete:
        value = metric.scale * trial.value.mean
        better = not steps or metric.sign * value > metric.sign * steps[-1][1]
        steps.append((trial.number or 0, value if better else steps[-1][1]))
    if steps:
        steps.append((last, steps[-1][1]))
        axes.step(*zip(*steps, strict=True), where="post", color=GREEN, linewidth=1.5, label="best complete so far")


@also_narrow
def trial_curves(search: Search, width: float = WIDTH) -> Figure | None:
    """Draw the value on validation data of every trial by epoch, the best one on top; None without curves."""
    best = search.complete[0].records if search.complete else ()
    records = [
        (trial, record)
        for trial in reversed(search.trials[:MOST_CURVES])
        for record in trial.records
        if record.curves.get(search.measured.validation)
    ]
    if not records:
        return None
    with style():
        drawing = canvas(width, 3.3)
        axes = drawing.add_subplot()
        seen: set[str] = set()
        for trial, record in records:
            label = _curve_kind(trial.state, record in best)
            _curve(axes, record, search.measured, None if label in seen else label, CURVE_LOOKS[label])
            seen.add(label)
        axes.set(xlabel="Epoch", ylabel=search.measured.validation_label)
        axes.xaxis.set_major_locator(MaxNLocator(12, integer=True))
        handles, labels = axes.get_legend_handles_labels()
        lines = dict(zip(labels, handles, strict=True))
        legend_above(drawing, width, {name: lines[name] for name in CURVE_LOOKS if name in lines})
        caption = (
            "One line per run (n = 1 each, no interval). Lines of pruned or diverged trials end where they stopped."
        )
        if len(search.trials) > MOST_CURVES:
            caption += f" The best {MOST_CURVES} of {len(search.trials)} trials."
        return Figure("trial_curves", "Learning curves of the trials", caption, drawing)


def _curve_kind(state: str, best: bool) -> str:
    if best:
        return "best trial"
    return state if state in CURVE_LOOKS else "other ends"


def _curve(axes: Axes, record: RunRecord, metric: Metric, label: str | None, look: Mapping[str, Any]) -> None:
    points, scale = record.curves[metric.validation], metric.scale
    (line,) = axes.plot([step for step, _ in points], [scale * value for _, value in points], label=label, **look)
    if record.state != names.COMPLETE or len(points) == 1:
        axes.plot(points[-1][0], scale * points[-1][1], "o", color=line.get_color(), markersize=3)


@also_narrow
def best_curve(search: Search, info: StudyInfo, width: float = WIDTH) -> Figure | None:
    """Draw the expected best by number of trials for a random search, else the best so far against compute.

    None below three complete trials, or without counted compute.
    """
    if len(search.complete) < 3:
        return None
    values = [trial.value.mean for trial in independent_trials(search, info)]
    return _expected_best(values, width) if len(values) > 2 else _best_by_compute(search, width)


def _expected_best(values: Sequence[float], width: float) -> Figure:
    found = expected_best(values)
    with style():
        drawing = canvas(width, 3.0)
        axes = drawing.add_subplot()
        axes.plot(found.trials, [100 * value for value in found.mean], color=BLUE)
        low, high = [100 * value for value in found.low], [100 * value for value in found.high]
        axes.fill_between(found.trials, low, high, color=BLUE, alpha=0.18, linewidth=0)
        axes.set(xlabel="Complete trials", ylabel="Expected best validation accuracy, %")
        axes.xaxis.set_major_locator(MaxNLocator(12, integer=True))
        caption = (
            f"Expected maximum of that many trials, from n = {len(values)} randomly drawn trials (unbiased, Tang et"
            " al. 2020). Band: 95 %, simultaneous over the curve (Dvoretzky, Kiefer, Wolfowitz and Massart); it allows"
            " for values better than those observed."
        )
        return Figure("expected_best", "Expected best against budget", caption, drawing)


def _best_by_compute(search: Search, width: float) -> Figure | None:
    steps, metric = best_so_far(search), search.measured
    if not steps:
        return None
    with style():
        drawing = canvas(width, 3.0)
        axes = drawing.add_subplot()
        axes.step([spent for spent, _ in steps], [metric.scale * best for _, best in steps], where="post", color=GREEN)
        axes.set(
            xlabel=axis_label("Compute of all trials so far, in trainings of the base", width),
            ylabel=metric.with_unit(f"Best validation {metric.heading} so far"),
        )
        axes.set_xlim(left=0)
        caption = (
            "Best complete trial so far against the compute spent on all trials, in the order in which they ended: one"
            " search, no interval. Because the sampler learns from its trials, or a pruner selects among them, the"
            " curve does not predict what another number of trials would reach."
        )
        return Figure("best_so_far", "Best so far against compute", caption, drawing)


@also_narrow
def importance_bars(importance: Importance, width: float = WIDTH) -> Figure | None:
    """Draw each parameter's importance by both methods; None without any."""
    parameters = importance.parameters
    if not parameters:
        return None
    rows = Rows([shown_name(p) for p in parameters], width)
    with style():
        drawing = rows.canvas(1.0, 0.42)
        axes = drawing.add_subplot()
        places = [y + rows.shift for y in range(len(parameters))]
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
        rows.write(axes)
        axes.set_xlim(0)
        axes.set_xlabel("Share of the importance, %")
        axes.grid(False, axis="y")
        legend_above(drawing, width)
        early = importance.epoch is not None
        what = (
            f"n = {importance.n_trials} trials after epoch {importance.epoch}"
            if early
            else f"n = {importance.n_trials} complete trials"
        )
        caption = f"{what}. Whisker: standard deviation over refits of the forest, not an interval over searches."
        inside = f"_{importance.component}" if importance.component else ""
        return Figure(f"importance{'_early' if early else ''}{inside}", importance.title, caption, drawing)
