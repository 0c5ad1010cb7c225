"""Pictures of designs and mechanisms: effects, Shapley's split, sweeps, learned rates, MSL's weights, MAML against MAML++."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from . import records as names
from .factorial import FactorialEffects
from .figures import CURVES, WIDTH, _finish, _shorten
from .records import RunRecord
from .statistics import Estimate, band
from .summary import Ablation, Arm
from .svg import BLUE, FAINT, GREEN, INK, ORANGE, RED, Figure, canvas, style
from .sweep import SweepCurve
from .tables import METRIC_TITLES

COLOURS = (ORANGE, BLUE, GREEN, RED, FAINT)
MOST_RATES = 6
"""Arms whose learned rates are drawn."""


def effects_plot(found: FactorialEffects, metric: str) -> Figure | None:
    """Draw main effects and interactions with their intervals; None without any."""
    if not found.effects:
        return None
    labels = [" × ".join(effect.factors) for effect in found.effects]
    caption = (
        f"Main effects, and interactions of two (×), with 95 % intervals (least squares with the seed as a block); "
        f"n = {found.effects[0].estimate.n} seeds. Filled: the interval leaves out 0."
    )
    title = f"{METRIC_TITLES[metric]}: effect, percentage points"
    return _dots(
        "effects", "Main effects and interactions", caption, labels, [e.estimate for e in found.effects], title
    )


def shapley_bars(found: FactorialEffects, metric: str) -> Figure | None:
    """Draw each component's part of the whole gain; None without a seed that has every arm."""
    if not found.gain.n:
        return None
    caption = (
        f"Shapley values with 95 % intervals (Student t over seeds); they sum to the whole gain. "
        f"n = {found.gain.n} seeds with every arm."
    )
    values, labels = list(found.shapley.values()), list(found.shapley)
    title = f"{METRIC_TITLES[metric]}: part of the gain, percentage points"
    return _dots("shapley", "Split of the whole gain", caption, labels, values, title, bars=True)


def _dots(
    name: str,
    title: str,
    caption: str,
    labels: Sequence[str],
    values: Sequence[Estimate],
    axis: str,
    bars: bool = False,
) -> Figure:
    with style():
        drawing = canvas(WIDTH, 0.9 + 0.31 * len(labels))
        axes = drawing.add_subplot()
        axes.axvline(0, color=INK, linewidth=1, alpha=0.7)
        for y, found in enumerate(values):
            _dot(axes, y, found, bars)
        axes.set_yticks(range(len(labels)), [_shorten(label) for label in labels])
        axes.set_ylim(len(labels) - 0.4, -0.6)
        axes.grid(False, axis="y")
        axes.set_xlabel(axis)
        return _finish(drawing, name, title, caption)


def _dot(axes: Axes, y: int, found: Estimate, bars: bool) -> None:
    colour = (BLUE if found.mean > 0 else RED) if found.excludes_zero else FAINT
    if bars:
        axes.barh(y, 100 * found.mean, 0.6, color=colour, alpha=0.35)
    if found.low is not None and found.high is not None:
        axes.plot([100 * found.low, 100 * found.high], [y, y], color=colour, linewidth=2.2)
    filled = colour if found.excludes_zero else "none"
    axes.plot(100 * found.mean, y, "o", color=colour, markerfacecolor=filled, markersize=6.5, markeredgewidth=1.6)


def sweep_plot(curve: SweepCurve, metric: str) -> Figure | None:
    """Draw the metric over the swept setting with its band; None without a complete run."""
    points = [point for point in curve.points if point.estimate.n]
    if not points:
        return None
    numeric = all(isinstance(p.value, (int, float)) and not isinstance(p.value, bool) for p in points)
    places = [float(p.value) for p in points] if numeric else [float(i) for i in range(len(points))]
    with style():
        drawing = canvas(WIDTH, 3.3)
        axes = drawing.add_subplot()
        _line(axes, places, [p.estimate for p in points], BLUE, None, "o-")
        axes.set_xticks(places, [f"{p.value:g}" if isinstance(p.value, float) else str(p.value) for p in points])
        axes.set(xlabel=curve.path, ylabel=f"{METRIC_TITLES[metric]}, %")
        seeds = sorted({p.estimate.n for p in points})
        caption = f"Mean over seeds (n = {' or '.join(map(str, seeds))}); band: 95 % interval at each value (Student t over seeds)."
        return _finish(drawing, "sweep", f"{METRIC_TITLES[metric]} by {curve.path}", caption)


def _line(
    axes: Axes, places: Sequence[float], found: Sequence[Estimate], colour: str, label: str | None, look: str
) -> None:
    axes.plot(places, [100 * e.mean for e in found], look, color=colour, label=label)
    bounded = [
        (x, e.low, e.high) for x, e in zip(places, found, strict=True) if e.low is not None and e.high is not None
    ]
    if bounded:
        low, high = [100 * low for _, low, _ in bounded], [100 * high for *_, high in bounded]
        axes.fill_between([x for x, *_ in bounded], low, high, color=colour, alpha=0.18, linewidth=0)


def main_curves(ablation: Ablation) -> Figure | None:
    """Draw the base arms' validation accuracy by epoch in one picture: MAML against MAML++; None without two of them."""
    wanted = dict.fromkeys(["MAML", "MAML++", *(c.base for c in ablation.comparisons)])
    arms = [arm for arm in ablation.arms if arm.name in wanted and _curves(arm)][: len(COLOURS)]
    if len(arms) < 2:
        return None
    with style():
        drawing = canvas(WIDTH, 3.4)
        axes = drawing.add_subplot()
        for arm, colour in zip(arms, COLOURS, strict=False):
            points = band(_curves(arm))
            label = f"{_shorten(arm.name)} (n = {len(_curves(arm))})"
            _line(axes, [step for step, _ in points], [e for _, e in points], colour, label, "-")
        axes.set(xlabel="Epoch", ylabel=CURVES[names.VAL_ACCURACY][0])
        drawing.legend(loc="outside upper left", ncols=3)
        caption = (
            "Mean over the complete seeds; band: 95 % interval at each epoch (Student t over seeds, none for n = 1)."
        )
        return _finish(drawing, "main_curves", "Validation accuracy of the arms that others are compared to", caption)


def _curves(arm: Arm) -> list[dict[int, float]]:
    return [dict(curve) for record in arm.used if (curve := record.curves.get(names.VAL_ACCURACY))]


def learned_rates(ablation: Ablation) -> Figure | None:
    """Draw the inner rates by layer and step of every arm that learned them, as heat maps; None if none did."""
    tables = {arm.name: found for arm in ablation.arms if (found := _rates(arm.used))}
    tables = {name: found for name, found in tables.items() if np.ptp(found[1]) > 1e-9}
    if not tables:
        return None
    shown = dict(list(tables.items())[:MOST_RATES])
    bound = max(float(np.abs(values).max()) for _, values, _ in shown.values())
    rows = max(len(weights) for weights, *_ in shown.values())
    columns = min(3, len(shown))
    lines = -(-len(shown) // columns)
    with style():
        drawing = canvas(min(WIDTH, 3.2 * columns + 1.6), lines * (0.9 + 0.24 * rows))
        grid = drawing.subplots(lines, columns, squeeze=False)
        image: Any = None
        for panel, (name, (weights, values, n)) in zip(grid.flat, shown.items(), strict=False):
            image = panel.pcolormesh(values, cmap="RdBu_r", vmin=-bound, vmax=bound)
            _rates_axes(panel, weights, values.shape[1], f"{_shorten(name, 26)} (n = {n})")
        for panel in grid.flat[len(shown) :]:
            panel.set_visible(False)
        drawing.colorbar(image, ax=grid, label="inner rate", shrink=0.8)
        left_out = f" The first {MOST_RATES} of {len(tables)} arms." if len(tables) > MOST_RATES else ""
        caption = f"Rate of each adapted weight at each inner step, of the best epoch; mean over seeds (no interval). Negative: away from the support set's minimum.{left_out}"
        return _finish(drawing, "learned_rates", "Learned inner rates by layer and step", caption)


def _rates(records: Sequence[RunRecord]) -> tuple[list[str], Any, int] | None:
    """Return weights, their mean rates [weights, steps] and the number of seeds."""
    found = [
        {
            name.removeprefix(names.INNER_RATE): [v for _, v in curve]
            for name, curve in r.curves.items()
            if name.startswith(names.INNER_RATE)
        }
        for r in records
    ]
    found = [rates for rates in found if rates]
    if not found:
        return None
    weights, steps = list(found[0]), max(len(row) for row in found[0].values())
    stacked = np.array(
        [[(rates[w] * steps)[:steps] if len(rates[w]) == 1 else rates[w] for w in weights] for rates in found]
    )
    return weights, stacked.mean(axis=0), len(found)


def _rates_axes(panel: Axes, weights: Sequence[str], steps: int, title: str) -> None:
    panel.set_yticks([i + 0.5 for i in range(len(weights))], [_shorten(w, 24) for w in weights], fontsize=7.5)
    panel.set_xticks([i + 0.5 for i in range(steps)], [str(i + 1) for i in range(steps)])
    panel.invert_yaxis()
    panel.grid(False)
    panel.set_title(title, fontsize=9)
    panel.set_xlabel("inner step")


def msl_weights(ablation: Ablation) -> Figure | None:
    """Draw the weight of each inner step's loss over the epochs, once for all arms with the same schedule; None without MSL."""
    arm = next(
        (arm for arm in ablation.arms if arm.used and len(_msl(arm.used[0])) > 1 and _annealed(arm.used[0])), None
    )
    if arm is None:
        return None
    record = arm.used[0]
    curves = _msl(record)
    first_order = [epoch for epoch, on in record.curves.get(names.SECOND_ORDER, ()) if not on]
    with style():
        drawing = canvas(WIDTH, 3.0)
        axes = drawing.add_subplot()
        for i, (step, points) in enumerate(curves.items()):
            shade = 0.35 + 0.65 * (i + 1) / len(curves)
            axes.plot([e for e, _ in points], [w for _, w in points], color=BLUE, alpha=shade, label=step)
        if first_order:
            axes.axvspan(
                min(first_order) - 0.5,
                max(first_order) + 0.5,
                color=ORANGE,
                alpha=0.15,
                linewidth=0,
                label="first-order epochs (DA)",
            )
        axes.set(xlabel="Epoch", ylabel="Weight of the step's loss", ylim=(0, 1.05))
        drawing.legend(loc="outside right upper")
        caption = f"As the config of {_shorten(arm.name)} plans it, so there is no interval. When the annealing is over, the last step has all the weight."
        return _finish(drawing, "msl_weights", "MSL: weights of the inner steps' losses", caption)


def _msl(record: RunRecord) -> dict[str, Sequence[tuple[int, float]]]:
    prefix = names.MSL_WEIGHT
    return {
        f"step {name.removeprefix(prefix)}": curve for name, curve in record.curves.items() if name.startswith(prefix)
    }


def _annealed(record: RunRecord) -> bool:
    first = _msl(record).get("step 1", ())
    return any(weight for _, weight in first)
