"""First figure of an ablation: one row per component with its effect, one mark per method."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

from ..statistics.effects import Effect, by_component, effects_of
from ..statistics.summary import Ablation
from ..statistics.verdict import BETTER, WORSE
from ..text import between, value_text, without_bars
from .design import difference_axis
from .rows import TEXT, Rows
from .style import BLUE, FAINT, INK, RED, WIDTH, Figure, also_narrow, axis_label, legend_columns, shorten, style

MARKS = ("o", "s", "D", "^")
MOST_ROWS = 24
DIFFERENCE = "Difference to the base"


@also_narrow
def component_plot(found: Ablation, width: float = WIDTH) -> Figure | None:
    """Draw the effect of having each component, in each method; None without a pair."""
    effects = [one for one in effects_of(found.comparisons) if one.estimate.n]
    if not effects:
        return None
    rows = by_component(effects)
    shown = dict(list(rows.items())[:MOST_ROWS])
    places = list(dict.fromkeys(one.where for own in shown.values() for one in own))
    drawn = [one for own in shown.values() for one in own]
    parts = any(one.switched for one in effects)
    named = Rows([_row_name(own[0], drawn) for own in shown.values()], width)
    with style():
        drawing = named.canvas(1.5, 0.42)
        axes = drawing.add_subplot()
        for y, own in enumerate(shown.values()):
            for place, one in enumerate(own):
                shift = named.shift + 0.15 * (2 * place - len(own) + 1)
                _mark(axes, y + shift, one, MARKS[places.index(one.where) % len(MARKS)], found)
        _legend(axes, places, width)
        named.write(axes)
        _axes(axes, found, width, parts)
        _margin(axes, drawn, found)
        caption = _caption(drawn, len(rows) - len(shown), found)
        return Figure("components", "The effect of each part" if parts else DIFFERENCE, caption, drawing)


def _row_name(one: Effect, drawn: Sequence[Effect]) -> str:
    """Return the component; a method among components is named with the method that it is compared to."""
    own = one.component.startswith((f"{one.where} ", f"{one.where},"))  # a variant of it, as its name says
    among = not one.switched and not own and any(other.switched for other in drawn)
    return f"{one.component} against {one.where}" if among else one.component


def _mark(axes: Axes, y: float, one: Effect, marker: str, found: Ablation) -> None:
    scale, estimate = found.metric.scale, one.estimate
    colour = {BETTER: BLUE, WORSE: RED}.get(one.word, FAINT)
    if ends := estimate.ends:
        axes.plot([scale * end for end in ends], [y, y], color=colour, linewidth=2)
    filled = colour if one.word in (BETTER, WORSE) else "none"
    mark = {"markersize": 7.0, "markeredgewidth": 1.6}
    axes.plot(scale * estimate.mean, y, marker, color=colour, markerfacecolor=filled, **mark)  # type: ignore[arg-type]
    text = f"{value_text(estimate.mean, True, found.metric)}  {one.word}"
    axes.annotate(text, (1.015, y), xycoords=("axes fraction", "data"), va="center", fontsize=TEXT)


def _legend(axes: Axes, places: Sequence[str], width: float) -> None:
    labels = [f"in {shorten(where)}" if len(places) > 1 else f"against {shorten(where)}" for where in places]
    for place, label in enumerate(labels):
        axes.plot([], [], MARKS[place % len(MARKS)], color=INK, markerfacecolor="none", linestyle="", label=label)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=legend_columns(labels, width), borderaxespad=0.2)


def _axes(axes: Axes, found: Ablation, width: float, parts: bool) -> None:
    axes.axvline(0, color=INK, linewidth=1, alpha=0.7)
    axes.grid(False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    what = "effect of having it" if parts else DIFFERENCE.lower()
    axes.set_xlabel(axis_label(difference_axis(found.metric, what), width))


def _margin(axes: Axes, drawn: Sequence[Effect], found: Ablation) -> None:
    margin = next((one.comparison.verdict.margin for one in drawn if one.comparison.verdict.margin is not None), None)
    if margin is not None:
        axes.axvspan(-margin, margin, color=FAINT, alpha=0.18, linewidth=0)


def _caption(drawn: Sequence[Effect], left: int, found: Ablation) -> str:
    seeds = between((one.estimate.n for one in drawn), "seed")
    it = " with it" * any(one.switched for one in drawn)
    parts = [
        f"Mean over {seeds}; bars: {found.look_progress.confidence} % intervals (Student t), not adjusted.",
        f"The verdict is that of the adjusted test: blue and filled, better{it}; red, worse; hollow, neither.",
    ]
    if any(one.turned for one in drawn):
        parts.append("Where a component was removed, the sign is reversed: every mark shows the effect of having it.")
    if any(one.comparison.verdict.margin is not None for one in drawn):
        parts.append("Shaded: the margin within which a difference does not matter.")
    if any(one.comparison.survivors for one in drawn):
        parts.append("Some runs diverged: the mean is over those that finished; the colour also counts the others.")
    text = " ".join([*parts, *([f"{left} more are in the tables."] if left > 0 else [])])
    return text + without_bars(one.estimate for one in drawn)
