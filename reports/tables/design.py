"""Tables of designs: effects and Shapley values of a full factorial, and the curve of a sweep."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from ..statistics.factorial import FactorialEffects
from ..statistics.summary import Ablation
from ..statistics.sweep import SweepCurve
from ..text import interval
from .cells import (
    COMPUTE_COLUMN,
    COMPUTE_NOTE,
    INTERVAL,
    Cell,
    Column,
    Table,
    compute_cell,
    difference_cells,
    linked,
    mean_columns,
    mean_interval,
    meaning,
    number,
    setting,
    value_cell,
)


def effects_table(found: FactorialEffects, ablation: Ablation) -> Table:
    """Return the main effects and interactions of a full factorial, in points."""
    metric = ablation.metric
    titles = (metric.difference_unit.capitalize() or "Difference", "95 % interval", "n seeds")
    heads = (Column("Effect"), *(Column(title, True) for title in titles))
    runs = _runs(ablation, found.arms)
    rows = tuple(
        linked(
            (
                Cell(" × ".join(effect.factors), " × ".join(effect.factors)),
                *difference_cells(effect.estimate, metric),
                number(effect.estimate.n),
            ),
            runs,
        )
        for effect in found.effects
    )
    notes = [
        (
            "Main effect: mean of all arms with the component minus mean of all arms without it. Interaction (×): half"
            " the difference between one component's effect with the other on and with it off."
        ),
        f"Intervals: {INTERVAL}, of each seed's own contrast, over the seeds that have every arm.",
        "Every number comes from all arms of the factorial.",
    ]
    if found.missing:
        notes.append(f"{found.missing} cells have no complete run; {len(found.complete_seeds)} seeds have every arm.")
    if found.missing and not found.complete_seeds:
        notes.append(
            "No seed has every arm: effects are least-squares estimates from the available runs, without intervals."
        )
    return Table("Main effects and interactions", heads, rows, tuple(notes))


def shapley_table(found: FactorialEffects, ablation: Ablation) -> Table:
    """Return each component's share of the total gain."""
    part = ablation.metric.with_unit("Part", difference=True)
    heads = (Column("Component"), *(Column(t, True) for t in (part, "95 % interval", "n seeds")))
    runs = _runs(ablation, found.arms, found.complete_seeds)
    rows = tuple(
        linked(
            (Cell(name, name), *difference_cells(e, ablation.metric), number(e.n)),
            runs,
        )
        for name, e in [*found.shapley.items(), ("All together", found.gain)]
    )
    note = (
        "Shapley values: what a component adds, averaged over all orders of switching the components on; the parts sum"
        f" to the whole gain. Intervals: {INTERVAL}, over seeds with every arm."
    )
    return Table("Split of the whole gain", heads, rows, (note,))


def sweep_table(curve: SweepCurve, ablation: Ablation) -> Table:
    """Return one row per value of the swept setting, with its compute."""
    used = {arm.name: arm.used for arm in ablation.arms}
    rows = tuple(
        linked(
            (
                setting(str(p.value)),
                number(p.estimate.n),
                value_cell(p.estimate, ablation.metric),
                Cell(interval(p.estimate, metric=ablation.metric), p.estimate.low),
                *[compute_cell(used.get(p.arm, ()))] * ablation.has_compute,
            ),
            _runs(ablation, (p.arm,)),
        )
        for p in curve.points
    )
    heads = (Column(curve.path, True), *mean_columns(ablation.metric), *[COMPUTE_COLUMN] * ablation.has_compute)
    notes = [f"{meaning(ablation.metric)}. Intervals: {mean_interval(ablation.metric)}."]
    return Table(f"Sweep of {curve.path}", heads, rows, (*notes, *[COMPUTE_NOTE] * ablation.has_compute))


def titled(table: Table, where: str) -> Table:
    """Return a table with the value of a repeated design in its title; unchanged where it is not repeated."""
    return replace(table, title=f"{table.title} ({where})") if where else table


def _runs(ablation: Ablation, arms: Collection[str], seeds: Collection[int] | None = None) -> tuple[str, ...]:
    """Return the ids of the runs used of these arms (and seeds)."""
    return tuple(
        run.run_id
        for arm in ablation.arms
        if arm.name in arms
        for run in arm.used
        if seeds is None or run.seed in seeds
    )
