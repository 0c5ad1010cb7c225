"""Spread between the seeds of each arm, and diverged runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ..metric import Metric
from ..statistics.arms import Arm
from ..statistics.comparison import Comparison, tolerance
from ..statistics.divergence import Divergence, divergence
from ..statistics.estimate import Estimate, spread, spread_ratio
from ..statistics.summary import Ablation
from ..text import NONE, interval, p_value, value_text
from .cells import Cell, Column, Table, linked, number, value_cell


def stability_table(ablation: Ablation) -> Table:
    """Return the spread between the seeds of each arm, and its ratio to the base's."""
    metric = ablation.metric
    deviation = metric.with_unit("Standard deviation", difference=True)
    titles = ("n", metric.with_unit("Lowest"), metric.with_unit("Highest"), deviation, "95 % interval")
    heads = (Column("Arm"), *(Column(title, True) for title in titles), Column("Diverged", True), Column("Base"))
    heads += (Column("Ratio to the base's", True), Column("95 % interval", True))
    known = {arm.name: arm for arm in ablation.arms}
    same = tolerance(ablation.arms, metric)
    rows = tuple(_stability_row(arm, ablation.against(arm.name), known, metric, same) for arm in ablation.arms)
    notes = (
        (
            f"{metric.heading} of single seeds, and their standard deviation with its chi-squared"
            " interval. Diverged runs count only in their own column."
        ),
        (
            "Ratio: the arm's standard deviation as a multiple of its base's, over the seeds that both have, with the"
            " interval of Morgan and Pitman for pairs. Below 1 the arm varies less. Both intervals assume"
            f" normally distributed {'accuracies' if metric.is_share else 'values'}."
        ),
    )
    return Table("Stability", heads, rows, notes)


def _stability_row(
    arm: Arm, comparisons: Sequence[Comparison], known: Mapping[str, Arm], metric: Metric, same: float
) -> tuple[Cell, ...]:
    values = list(arm.values.values())
    found = spread(values, same, 0.5 if metric.is_share else math.inf)
    base = next((known[c.base] for c in comparisons if c.base in known), None)
    ratio = spread_ratio(arm.values, base.values, same) if base else None
    runs = tuple(record.run_id for record in arm.used)
    cells = [Cell(arm.name, arm.name), Cell(str(found.n), found.n)]
    ends = (min(values), max(values)) if values else (None, None)
    cells += [number(value, value_text(value, metric=metric)) for value in ends]
    cells += [value_cell(found, metric), Cell(interval(found, metric=metric) if found.n > 1 else NONE, found.low)]
    cells += [number(len(arm.diverged)), Cell(base.name, base.name) if base else Cell(NONE)]
    cells += [number(ratio.mean, f"{ratio.mean:.2f}"), _ratio_interval(ratio)] if ratio else [Cell(NONE), Cell(NONE)]
    return linked(cells, runs)


def _ratio_interval(found: Estimate) -> Cell:
    if found.low is None or found.high is None:
        return Cell(NONE)
    return Cell(f"[{found.low:.2f}, {found.high:.2f}]", found.low)


def divergence_table(ablation: Ablation) -> Table | None:
    """Return a row for each arm with ended runs, compared with its base; None if no run of the study diverged."""
    if not any(arm.diverged for arm in ablation.arms):
        return None
    known = {arm.name: arm for arm in ablation.arms}
    pairs = [(arm, known.get(c.base)) for arm in ablation.arms for c in ablation.against(arm.name) or (None,) if c]
    pairs += [(arm, None) for arm in ablation.arms if not ablation.against(arm.name)]
    found = [divergence(arm, base) for arm, base in pairs if arm.values or arm.diverged]
    titles = ("Runs", "Diverged", "Share, %", "95 % interval")
    heads = (Column("Arm"), *(Column(title, True) for title in titles), Column("Base"), Column("p", True))
    notes = (
        (
            "Runs: those that are complete or diverged. Share of them that diverged, with Clopper and Pearson's exact"
            " interval."
        ),
        (
            "p: McNemar's exact test of the arm against its base over the seeds of which both runs ended; not corrected"
            " for the number of comparisons."
        ),
    )
    return Table("Runs that diverged", heads, tuple(_divergence_row(one, known[one.arm]) for one in found), notes)


def _divergence_row(found: Divergence, arm: Arm) -> tuple[Cell, ...]:
    share = found.share
    cells = [Cell(arm.name, arm.name), number(share.n), number(found.diverged)]
    cells += [number(share.mean, f"{100 * share.mean:.0f}")]
    cells += [Cell(f"[{100 * (share.low or 0):.0f}, {100 * (share.high or 0):.0f}]", share.low)]
    cells += [Cell(found.base, found.base) if found.base else Cell(NONE), Cell(p_value(found.p), found.p)]
    return linked(cells, tuple(record.run_id for record in arm.records))
