"""What is said below the table of a family: how its numbers were made, what the test can reach, and what was lost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..statistics.comparison import Comparison
from ..statistics.permutation import EXACT_UP_TO, MOST_FLIPS
from ..statistics.summary import Ablation
from ..text import many
from .cells import INTERVAL, MEAN_INTERVAL, METRIC_MEANINGS, METRIC_TITLES

BOLD = "Bold: the highest mean of the arms that lost no run."


def family_notes(ablation: Ablation, comparisons: Sequence[Comparison]) -> Iterable[str]:
    """Yield the notes of a family's table."""
    yield (
        f"{METRIC_TITLES[ablation.metric]}: {METRIC_MEANINGS[ablation.metric]}; mean over n seeds, interval:"
        f" {MEAN_INTERVAL}. {BOLD}"
    )
    same = "same initial weights" if any(c.unequal for c in comparisons) else "same initial weights, same tasks"
    yield (
        f"Difference: arm minus {comparisons[0].base}, paired by seed ({same}). Interval: {INTERVAL}, not corrected for"
        " the number of comparisons."
    )
    yield _p_note(comparisons)
    yield from _test_notes(comparisons)
    yield from _lost_notes(ablation, comparisons)


def _p_note(comparisons: Sequence[Comparison]) -> str:
    """Return how p was computed and what it can reach."""
    size, most = len(comparisons), max((c.test for c in comparisons), key=lambda test: test.seeds)
    ways = f"{MOST_FLIPS:,} random ways" if most.seeds > EXACT_UP_TO else "all ways"
    how = "minP, as not all comparisons have the same seeds" if most.missing else "maxT"
    how += ", moderated by the median variance" if most.moderated else ""
    joint = most.family_size > size
    size = most.family_size
    text = (
        f"Adjusted p: sign flips of whole seeds ({ways}), step-down {how}; holds for the {size}"
        f" comparison{'s' * (size > 1)} of {'all tables' if joint else 'this table'} together."
    )
    pairs = sorted({c.test.seeds for c in comparisons})
    if not pairs[-1]:
        return text
    what = "ranked pair" if most.ranks else "pair"
    each = f"{many(pairs[-1], what)} in each" if len(pairs) == 1 else f"{pairs[0]} to {pairs[-1]} {what}s"
    end = "" if most.can_be_significant else ", so nothing here can be significant at 0.05: train more seeds"
    return f"{text} With {each} it cannot fall below {most.smallest:.2g}{end}."


def _test_notes(comparisons: Sequence[Comparison]) -> Iterable[str]:
    for c in comparisons:
        if c.unequal:
            yield (
                f"{c.arm} and {c.base} were not tested on the same tasks ({c.unequal}), so their difference also has"
                " the noise of tasks."
            )
        if c.disjoint:
            yield f"{c.arm} and {c.base} have no seed in common, so there is no pair: train both on the same seeds."


def _lost_notes(ablation: Ablation, comparisons: Sequence[Comparison]) -> Iterable[str]:
    known = {arm.name: arm for arm in ablation.arms}
    involved = dict.fromkeys(name for c in comparisons for name in (c.base, c.arm) if name in known)
    if lost := [f"{name} {known[name].lost}" for name in involved if known[name].lost]:
        yield f"Runs that are in no mean: {', '.join(lost)}. Means and differences are of those that finished."
    if any(c.test.ranks for c in comparisons):
        yield (
            "Because runs diverged, p is that of signed ranks, in which a diverged run is worse than every other; both"
            " diverged count as equal."
        )
    for base in dict.fromkeys(c.base for c in comparisons if c.base not in known or not known[c.base].values):
        yield f"The base arm {base} has no complete run, so there is nothing to compare to it."
