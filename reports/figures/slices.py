"""What trials reached at each value of the settings that mattered: a panel a setting."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from .. import records as names
from ..statistics.importance import Importance
from ..statistics.summary import Search
from ..statistics.trial import Trial
from ..text import setting_text
from .style import BLUE, GREEN, ORANGE, WIDTH, Figure, also_narrow, canvas, columns_of, legend_above, shorten, style

PANELS = 4
"""Settings that are drawn: those that mattered most."""
LOG_FROM = 20.0
"""Values whose largest is so many times the smallest lie on a log scale, where the space does not say."""
LOOKS: dict[str, dict[str, Any]] = {
    names.COMPLETE: {"color": BLUE, "marker": "o", "label": "complete"},
    names.PRUNED: {"color": ORANGE, "marker": "v", "markerfacecolor": "none", "label": "pruned, best until then"},
}


@also_narrow
def slice_plot(search: Search, importance: Importance | None, width: float = WIDTH) -> Figure | None:
    """Draw the value of every trial against each of the settings that `importance` ranks first; None without a ranking,
    or below three trials.
    """
    trials = [trial for trial in search.trials if trial.state in LOOKS and trial.value.n]
    ranked = [one.name for one in importance.parameters] if importance else []
    paths = [path for path in ranked if len({trial.params.get(path) for trial in trials}) > 1][:PANELS]
    if not paths or len(trials) < 3:
        return None
    with style():
        columns = min(len(paths), columns_of(width, PANELS, 2))
        lines = -(-len(paths) // columns)
        drawing = canvas(width, 0.5 + 2.6 * lines)
        grid = drawing.subplots(lines, columns, sharey=True, squeeze=False)
        panels = grid.flat[: len(paths)]
        for axes in grid.flat[len(paths) :]:
            axes.set_visible(False)
        for axes, path in zip(panels, paths, strict=True):
            _panel(axes, path, trials, search)
        low, cut = _floor(trials, search)
        panels[0].set_ylim(bottom=low)
        for axes in grid[:, 0]:
            axes.set_ylabel(search.measured.validation_label)
        legend_above(drawing, width)
        caption = (
            f"Each mark is a trial (n = {len(trials)}); its other settings differ too, so a slope is no effect. Ranked"
            f" by importance over {'complete trials' if importance and importance.epoch is None else 'early results'}."
            f"{f' {cut} trials lie below the panels.' if cut else ''}"
        )
        return Figure("slices", "What mattered most", caption, drawing)


def _panel(axes: Axes, path: str, trials: Sequence[Trial], search: Search) -> None:
    values = {trial.label: _number(trial.params.get(path)) for trial in trials}
    known = [value for value in values.values() if value is not None]
    off = [trial for trial in trials if trial.params.get(path) is None]
    numeric = len(known) + len(off) == len(trials) and len(known) > 1
    if numeric:
        shown = [trial for trial in trials if values[trial.label] is not None]
        places = {trial.label: values[trial.label] or 0.0 for trial in shown}
        _scale(axes, known, path, search)
        if all(value.is_integer() for value in known):
            axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    else:
        shown, texts = list(trials), sorted({setting_text(trial.params.get(path)) for trial in trials})
        places = {trial.label: float(texts.index(setting_text(trial.params.get(path)))) for trial in trials}
        axes.set_xticks(range(len(texts)), [shorten(text, 14) for text in texts], rotation=20 * (len(texts) > 2))
        axes.margins(x=0.3)
    for state, look in LOOKS.items():
        own = [trial for trial in shown if trial.state == state]
        scale = search.measured.scale
        at, heights = [places[trial.label] for trial in own], [scale * trial.value.mean for trial in own]
        axes.plot(at, heights, linestyle="", markersize=5, alpha=0.75, **look)
    for best in [trial for trial in search.complete[:1] if trial in shown]:
        around: dict[str, Any] = {"markersize": 11.0, "markerfacecolor": "none", "markeredgewidth": 1.8}
        height = search.measured.scale * best.value.mean
        axes.plot(places[best.label], height, "o", color=GREEN, label="best", **around)
    axes.set_xlabel(shorten(path, 30))


def _floor(trials: Sequence[Trial], search: Search) -> tuple[float | None, int]:
    """Return where the panels begin, so that poor trials do not press the others together, and how many lie below."""
    values = sorted(search.measured.scale * trial.value.mean for trial in trials)
    if search.measured.sign < 0:
        return None, 0
    half, best = values[len(values) // 2], values[-1]
    low = half - 1.5 * (best - half)
    below = sum(value < low for value in values)
    return (low, below) if below else (None, 0)


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _scale(axes: Axes, values: Sequence[float], path: str, search: Search) -> None:
    drawn = search.space.get(path)
    wide = min(values) > 0 and max(values) >= LOG_FROM * min(values)
    if not (drawn.get("log", False) if drawn else wide) or min(values) <= 0:
        return
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(10, (1.0,)))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
