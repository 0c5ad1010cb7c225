"""Effects against the value of the setting that a design is repeated across: a line a component, with bands."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter, NullLocator

from ..designs import Across
from ..statistics.profiles import Profile, profiles
from ..statistics.summary import Ablation
from ..text import between, without_bars
from .curves import draw_band
from .design import difference_axis
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
)  # fmt: skip

COLOURS = (BLUE, ORANGE, GREEN, RED, "#8a6bbf", "#b5506f", "#5b9aa0", FAINT)
MARKS = ("o", "s", "D", "^", "v", "P", "X", "*")
LOG_FROM = 3.0
"""Values whose largest is so many times the smallest lie on a log scale."""


@also_narrow
def across_plot(found: Ablation, width: float = WIDTH) -> Figure | None:
    """Draw each effect over the values of the setting, a panel for each arm that it was measured in; None for a design
    that is not repeated, or without a pair.
    """
    rows = [one for one in profiles(found) if any(effect.estimate.n for effect in one.effects.values())]
    if found.across is None or not rows:
        return None
    places = list(dict.fromkeys(one.named.where for one in rows))
    parts = sorted(dict.fromkeys(one.named.component for one in rows), key=lambda part: -_largest(part, rows))
    looks = {part: (COLOURS[i], MARKS[i]) for i, part in enumerate(parts[: len(COLOURS)])}
    with style():
        columns = min(len(places), columns_of(width, 4, 2))
        lines = -(-len(places) // columns)
        drawing = canvas(width, 0.4 + 3.6 * lines)
        grid = drawing.subplots(lines, columns, sharey=True, squeeze=False)
        panels = grid.flat[: len(places)]
        for axes in grid.flat[len(places) :]:
            axes.set_visible(False)
        for axes, where in zip(panels, places, strict=True):
            own = [one for one in rows if one.named.where == where and one.named.component in looks]
            for shift, one in enumerate(own):
                _line(axes, one, found, *looks[one.named.component], (shift - (len(own) - 1) / 2) * 0.012)
            _axes(axes, found.across, f"in {shorten(where, columns_of(width, 34, 20))}")
            _margin(axes, own)
        what = "effect of having it" if any(one.named.switched for one in rows) else "difference to the base"
        for axes in grid[:, 0]:
            axes.set_ylabel(difference_axis(found.metric, what).partition(": ")[2].capitalize())
        _legend(drawing, looks, width)
        caption = _caption(found, len(parts) - len(looks), rows)
        return Figure("across", f"Each effect against {found.across.path}", caption, drawing)


def _largest(part: str, rows: Sequence[Profile]) -> float:
    return max(one.largest for one in rows if one.named.component == part)


def _line(axes: Axes, one: Profile, found: Ablation, colour: str, mark: str, shift: float) -> None:
    assert found.across is not None
    scale = found.metric.scale
    known = [(place, effect) for place, effect in sorted(one.effects.items()) if effect.estimate.n]
    xs = [_shifted(_places(found.across)[place], shift, found.across) for place, _ in known]
    axes.plot(xs, [scale * effect.estimate.mean for _, effect in known], color=colour, linewidth=1.8)
    draw_band(axes, xs, [effect.estimate for _, effect in known], colour, scale, 0.13)
    for at, (_, effect) in zip(xs, known, strict=True):
        filled = colour if effect.comparison.verdict.direction else "none"
        mean = scale * effect.estimate.mean
        axes.plot(at, mean, mark, color=colour, markerfacecolor=filled, markersize=6.5, markeredgewidth=1.5)


def _places(across: Across) -> list[float]:
    """Return where each value lies: numbers at their own, others one after another."""
    numbers = [v for v in across.values if isinstance(v, int | float) and not isinstance(v, bool)]
    return (
        [float(v) for v in numbers] if len(numbers) == len(across.values) else [*map(float, range(len(across.values)))]
    )


def _shifted(x: float, shift: float, across: Across) -> float:
    """Return `x` moved a little, so that marks do not lie on each other."""
    places = _places(across)
    return x * (max(places) / min(places)) ** shift if _is_log(places) else x + shift * (max(places) - min(places))


def _is_log(places: Sequence[float]) -> bool:
    return min(places) > 0 and max(places) >= LOG_FROM * min(places)


def _axes(axes: Axes, across: Across, title: str) -> None:
    places = _places(across)
    if _is_log(places):
        axes.set_xscale("log")
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xticks(places, [str(value) for value in across.values])
    axes.axhline(0, color=INK, linewidth=1, alpha=0.7)
    axes.set_xlabel(across.path)
    axes.set_title(title)


def _margin(axes: Axes, own: Sequence[Profile]) -> None:
    margins = [e.comparison.verdict.margin for one in own for e in one.effects.values()]
    if margin := next((one for one in margins if one is not None), None):
        axes.axhspan(-margin, margin, color=FAINT, alpha=0.18, linewidth=0)


def _legend(drawing: Canvas, looks: dict[str, tuple[str, str]], width: float) -> None:
    lines = {shorten(part, 24): Line2D([], [], color=colour, marker=mark) for part, (colour, mark) in looks.items()}
    legend_above(drawing, width, lines)


def _caption(found: Ablation, left: int, rows: Sequence[Profile]) -> str:
    seeds = between((effect.estimate.n for one in rows for effect in one.effects.values()), "seed")
    it = " with it" * any(one.named.switched for one in rows)
    parts = [
        f"Mean over {seeds}; band: {found.look_progress.confidence} % interval at each value (Student t, not"
        " adjusted).",
        "Filled: decided by the adjusted test at that value; hollow: undecided, or equivalent.",
        f"{'Above' if found.metric.better == 'higher' else 'Below'} 0: better{it}.",
        "Whether a line changes is in the table: bands at two values do not tell, as they are paired.",
    ]
    if any(effect.comparison.verdict.margin is not None for one in rows for effect in one.effects.values()):
        parts.append("Shaded: the margin within which a difference does not matter.")
    if any(effect.comparison.survivors for one in rows for effect in one.effects.values()):
        parts.append("Runs diverged: means are of those that finished.")
    text = " ".join([*parts, *([f"{left} more are in the tables."] if left > 0 else [])])
    return text + without_bars((effect.estimate for one in rows for effect in one.effects.values()), "band")
