"""Each effect at every value of the setting that a design is repeated across, and whether it changes."""

from __future__ import annotations

from collections.abc import Iterator

from ..statistics.effects import Effect
from ..statistics.profiles import Profile, profiles
from ..statistics.summary import Ablation
from ..text import p_value, value_text
from .cells import Cell, Column, Table, difference_cells, linked, number
from .family_notes import level_text

TITLE = "Do effects change"


def across_table(found: Ablation) -> Table | None:
    """Return a row for each effect and each later value: the effect there and at the first value, the change, and the
    verdict; None for a design that is not repeated.
    """
    across, metric = found.across, found.metric
    if across is None:
        return None
    first, then = (metric.with_unit(title, difference=True) for title in ("First", "Then"))
    heads = [Column("Part"), Column("In"), Column(across.path), Column(first, True), Column(then, True)]
    heads += [Column(metric.with_unit("Change", difference=True), True)]
    heads += [Column(level_text(found).rpartition(", ")[2] + " interval", True), Column("Adjusted p", True)]
    heads += [Column("p in log odds", True)] * metric.is_share + [Column("Pairs", True), Column("Verdict")]
    rows = [_row(one, place, found) for one in profiles(found) for place in one.changes]
    return Table(f"{TITLE} with {across.path}", tuple(heads), tuple(rows), tuple(_notes(found)))


def _row(one: Profile, place: int, found: Ablation) -> tuple[Cell, ...]:
    assert found.across is not None
    values, change, metric = found.across.values, one.changes[place], found.metric
    cells = [Cell(one.named.component, one.named.component), Cell(one.named.where, one.named.where)]
    cells += [Cell(f"{values[0]} to {values[place]}", float(place))]
    cells += [_effect(one.effects.get(0), found), _effect(one.effects.get(place), found)]
    cells += [*difference_cells(one.change(place), metric), _p(change.test.adjusted)]
    cells += [_p(change.log_odds.test.adjusted if change.log_odds else None)] * metric.is_share
    cells += [number(change.estimate.n), Cell(change.finding, change.finding)]
    return linked(cells, _runs(change.differences, one, found))


def _effect(one: Effect | None, found: Ablation) -> Cell:
    mean = one.estimate.mean if one else None
    return number(mean, f"{value_text(mean, True, found.metric)} ({one.word})" if one else None)


def _p(value: float | None) -> Cell:
    return number(value, p_value(value))


def _runs(seeds: object, one: Profile, found: Ablation) -> tuple[str, ...]:
    """Return the runs of all arms of a change, in its seeds."""
    own = {name for effect in one.effects.values() for name in (effect.comparison.arm, effect.comparison.base)}
    kept = set(seeds) if isinstance(seeds, dict) else set()
    return tuple(run.run_id for arm in found.arms if arm.name in own for run in arm.used if run.seed in kept)


def _notes(found: Ablation) -> Iterator[str]:
    assert found.across is not None
    yield (
        f"Effect of each component (with it minus without it) at each value of {found.across.path}. Change: the effect"
        " at a later value minus that at the first, for each seed from its four runs (with and without the component,"
        f" at both values). Interval: {level_text(found)}."
    )
    yield (
        "Adjusted p: the same test as of comparisons, by sign flips of whole seeds; it holds for the comparisons at"
        " every value and the changes of their family together."
    )
    if found.metric.is_share:
        yield (
            "Near 100 % there is less room, so a change in points may be none in log odds: an effect is said to change"
            " only if both are decided, to the same side."
        )
    for one in found.changes:
        if one.unequal:
            yield (
                f"{one.arm} against {one.base}: the tests at both values are not of the same tasks ({one.unequal}), so"
                " the change also has the noise of tasks."
            )
    if any(one.diverged for one in found.changes):
        yield "Runs diverged: changes are of the seeds in which all four runs finished; p counts the others."
