"""Figures of learned inner learning rates by layer and step, and of MSL's weights by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import MaxNLocator

from .. import records as names
from ..records import RunRecord
from ..statistics.summary import Ablation
from .style import NARROW, ORANGE, WIDTH, Figure, also_narrow, canvas, columns_of, legend_above, shorten, style, wrapped

MOST_RATES = 6
"""Most arms whose learned rates are drawn."""


@also_narrow
def learned_rates(ablation: Ablation, width: float = WIDTH) -> Figure | None:
    """Draw the inner learning rates by layer and step of the arms that learned them, as heat maps; None without any."""
    tables = {arm.name: found for arm in ablation.arms if (found := _rates(arm.used))}
    tables = {name: found for name, found in tables.items() if np.ptp(found[1]) > 1e-9}
    if not tables:
        return None
    shown = dict(list(tables.items())[:MOST_RATES])
    bound = max(float(np.abs(values).max()) for _, values, _ in shown.values())
    rows = max(len(weights) for weights, *_ in shown.values())
    columns = min(columns_of(width, 3, 1), len(shown))
    lines = -(-len(shown) // columns)
    below = width <= NARROW
    with style():
        drawing = canvas(min(width, 3.2 * columns + 1.6), lines * (0.9 + 0.24 * rows) + 0.8 * below)
        grid = drawing.subplots(lines, columns, squeeze=False)
        image: Any = None
        for panel, (name, (weights, values, n)) in zip(grid.flat, shown.items(), strict=False):
            image = _heat_map(panel, weights, values, bound, wrapped(f"{name} (n = {n})", columns_of(width, 30, 44), 2))
        for panel in grid.flat[len(shown) :]:
            panel.set_visible(False)
        side = {"location": "bottom", "aspect": 30} if below else {"shrink": 0.8}
        drawing.colorbar(image, ax=grid, label="inner rate", **side)
        left_out = f" The first {MOST_RATES} of {len(tables)} arms." if len(tables) > MOST_RATES else ""
        caption = (
            "Learning rate of each adapted weight at each inner step, at the best epoch; mean over seeds (no interval)."
            f" Negative: gradient ascent on the support loss.{left_out}"
        )
        return Figure("learned_rates", "Learned inner learning rates by layer and step", caption, drawing)


def rates_picture(rates: Mapping[str, Sequence[float]]) -> bytes:
    """Return the inner learning rates of one run, by weight and inner step, as a heat map (SVG) with its numbers."""
    values = _even(rates, list(rates))
    bound = float(np.abs(values).max()) or 1.0
    with style():
        drawing = Canvas(
            figsize=(2 + 0.7 * values.shape[1], 0.9 + 0.24 * len(rates))
        )  # a layout engine would take twice as long
        panel = drawing.add_axes((0.35, 0.2, 0.63, 0.65))
        _heat_map(panel, list(rates), values, bound, "Inner learning rates at the best epoch")
        for (row, step), rate in np.ndenumerate(values):
            ink = "white" if abs(rate) > 0.6 * bound else "black"
            panel.text(step + 0.5, row + 0.5, f"{rate:.3g}", ha="center", va="center", fontsize=7.5, color=ink)
        return Figure("inner_rates", "Inner rates", "", drawing).standalone.encode()


def _rates(records: Sequence[RunRecord]) -> tuple[list[str], Any, int] | None:
    """Return weight names, their mean learning rates [weights, steps] and the number of seeds."""
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
    weights = list(found[0])
    return weights, np.mean([_even(rates, weights) for rates in found], axis=0), len(found)


def _even(rates: Mapping[str, Sequence[float]], weights: Sequence[str]) -> Any:
    """Return the learning rates [weights, steps]; a single rate is repeated at each step."""
    steps = max(len(row) for row in rates.values())
    return np.array([list(rates[w]) * (steps if len(rates[w]) == 1 else 1) for w in weights])


def _heat_map(panel: Axes, weights: Sequence[str], values: Any, bound: float, title: str) -> Any:
    image = panel.pcolormesh(values, cmap="RdBu_r", vmin=-bound, vmax=bound)
    steps = values.shape[1]
    panel.set_yticks([i + 0.5 for i in range(len(weights))], [shorten(w, 24) for w in weights], fontsize=7.5)
    panel.set_xticks([i + 0.5 for i in range(steps)], [str(i + 1) for i in range(steps)])
    panel.invert_yaxis()
    panel.grid(False)
    panel.set_title(title, fontsize=9)
    panel.set_xlabel("inner step")
    return image


@also_narrow
def msl_weights(ablation: Ablation, width: float = WIDTH) -> Figure | None:
    """Draw the weight of each inner step's loss over the epochs, once for all arms with the same schedule; None without
    MSL.
    """
    arm = next(
        (arm for arm in ablation.arms if arm.used and len(_msl(arm.used[0])) > 1 and _annealed(arm.used[0])), None
    )
    if arm is None:
        return None
    record = arm.used[0]
    curves = _msl(record)
    first_order = [epoch for epoch, on in record.curves.get(names.SECOND_ORDER, ()) if not on]
    with style():
        drawing = canvas(width, 3.0)
        axes = drawing.add_subplot()
        for i, (step, points) in enumerate(curves.items()):
            part = i / (len(curves) - 1)
            line = 4.2 - 2.4 * part  # so that overlapping lines stay visible
            colour = colormaps["viridis"](0.25 + 0.55 * part)  # seen on light and on dark pages
            axes.plot([e for e, _ in points], [w for _, w in points], label=step, color=colour, linewidth=line)
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
        axes.xaxis.set_major_locator(MaxNLocator(12, integer=True))
        if width > NARROW:
            drawing.legend(loc="outside right upper")
        else:
            legend_above(drawing, width)
        caption = (
            f"Planned by the config of {shorten(arm.name)}, so there is no interval. After the annealing, the last step"
            " has all the weight."
        )
        return Figure("msl_weights", "MSL: weights of the inner steps' losses", caption, drawing)


def _msl(record: RunRecord) -> dict[str, Sequence[tuple[int, float]]]:
    prefix = names.MSL_WEIGHT
    return {
        f"step {name.removeprefix(prefix)}": curve for name, curve in record.curves.items() if name.startswith(prefix)
    }


def _annealed(record: RunRecord) -> bool:
    first = _msl(record).get("step 1", ())
    return any(weight for _, weight in first)
