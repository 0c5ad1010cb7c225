"""Figure of the audit: accuracy of the same checkpoints under each evaluation variant."""

from __future__ import annotations

from collections.abc import Mapping

from ..metric import ACCURACY
from ..statistics.summary import Ablation
from ..tables.audit import audited_arms, spoken, variants_of
from .rows import Rows
from .style import BLUE, FAINT, GREEN, INK, ORANGE, RED, WIDTH, Figure, also_narrow, legend_columns, style

COLOURS = {"batch": BLUE, "running": ORANGE}
MARKS = ("o", "^", "s", "D", "v")
MOST_ARMS = 40


@also_narrow
def audit_plot(found: Ablation, width: float = WIDTH) -> Figure | None:
    """Draw each arm's mean accuracy under every evaluation variant; None if no run was audited."""
    arms = audited_arms(found)[:MOST_ARMS]
    variants = variants_of(arms)
    if not variants:
        return None
    tops = sorted({int(variant.rpartition(".top")[2]) for variant in variants})
    rows = Rows([arm.name for arm in arms], width)
    with style():
        drawing = rows.canvas(1.5, 0.28)
        axes = drawing.add_subplot()
        for variant in variants:
            norm, _, top = variant.partition(".top")
            colour = COLOURS.get(norm, (GREEN, RED)[len(norm) % 2])
            points = [
                (100 * _mean(arm.variants[variant]), y + rows.shift)
                for y, arm in enumerate(arms)
                if variant in arm.variants
            ]
            axes.plot(
                [x for x, _ in points], [y for _, y in points], MARKS[tops.index(int(top)) % len(MARKS)], color=colour,
                markerfacecolor=colour if int(top) == 1 else "none", markersize=5.5, label=spoken(variant),
            )  # fmt: skip
        rows.write(axes)
        axes.grid(True, axis="y", color=FAINT, alpha=0.2)
        axes.set_xlabel(ACCURACY.with_unit("Test accuracy"), color=INK)
        columns = legend_columns([*map(spoken, variants)], width, most=3)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, borderaxespad=0.2)
        caption = (
            f"Means over {' or '.join(str(n) for n in sorted({arm.seeds for arm in arms}))} seeds of the same"
            " checkpoints on the same test tasks; the tables have the intervals. batch, running: the statistics that"
            " normalise test queries; top k: mean logits of the k best validation epochs. Filled: a single model."
        )
        return Figure("audit", "The same checkpoints, measured in other ways", caption, drawing)


def _mean(values: Mapping[int, float]) -> float:
    return sum(values.values()) / len(values)
