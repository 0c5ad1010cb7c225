"""Sentences on the significance of an ablation: how many comparisons its test decided, or why it can decide none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..statistics.comparison import Comparison
from ..statistics.permutation import smallest_p
from ..statistics.summary import Ablation
from ..statistics.verdict import MOST_SEEDS
from ..text import many


def too_few_sentence(found: Ablation) -> str:
    """Return that the study has too few seeds for any decision, and how many it needs; "" if it has enough."""
    judged, looks = _judged(found), found.look_progress.looks
    decided = any(one.verdict.decided for one in judged) or any(change.decided for change in found.changes)
    if not judged or not looks or decided or any(one.test.can_be_significant for one in judged):
        return ""
    level = looks[-1].level
    needed = next((seeds for seeds in range(2, MOST_SEEDS) if smallest_p(seeds) <= level), None)
    counts = sorted({one.estimate.n for one in judged})
    have = " to ".join(map(str, dict.fromkeys((counts[0], counts[-1]))))
    known = needed and not found.look_progress.declared  # a later look has another level
    more = f"at least {needed} seeds are needed" if known else "train more seeds"
    return f"With {have} seeds no comparison can be significant, however large its difference: {more}."


def tested_sentences(found: Ablation) -> Iterator[str]:
    """Yield how many comparisons were decided and how sure that is, or what is missing for a test."""
    judged = _judged(found)
    if judged and found.look_progress.declared and not found.look_progress.looks:
        yield f"Nothing is judged before the first declared look, at {found.look_progress.next} seeds."
    elif judged and not too_few_sentence(found):
        yield _tested(judged, found)
    elif not judged and any(comparison.disjoint for comparison in found.comparisons):
        yield "The arms that are compared have no seed in common, so there are no pairs: train them on the same seeds."
    elif not judged and found.comparisons:
        yield "No comparison has two pairs of seeds yet, so no difference has an interval: run more seeds."


def _judged(found: Ablation) -> list[Comparison]:
    return [comparison for comparison in found.comparisons if comparison.estimate.n > 1]


def _tested(judged: Sequence[Comparison], found: Ablation) -> str:
    """Return "5 of 11 comparisons are significant: sign-flip tests ... keep the chance of any false finding ...";
    where the margin decided any, or could have, "decided" and "better" or "worse".
    """
    decided = sum(comparison.verdict.decided for comparison in judged)
    margin = any(one.verdict.margin is not None for one in judged)
    changes = f" and {sum(c.decided for c in found.changes)} of {many(len(found.changes), 'change')}"
    count = f"{decided} of {many(len(judged), 'comparison')}{changes * bool(found.changes)}"
    are = "is" if len(judged) == 1 and not found.changes else "are"
    ranks = "; signed ranks where runs diverged" if any(comparison.test.ranks for comparison in judged) else ""
    adjusted = " or ".join(sorted({one.test.procedure for one in judged}))
    how = f"sign-flip tests paired by seed (step-down {adjusted}{ranks})"
    head = f"{count} {are} {'decided' if margin else 'significant'}"
    if found.look_progress.remarks:
        return f"{head}, by {how}."
    what = 'false "better" or "worse"' if margin else "false finding"
    return f"{head}: {how} keep the chance of any {what} to at most 5 %{_where(found)}."


def _where(found: Ablation) -> str:
    """Return within what the error rate holds: "in each family of comparisons (a, b)"; "" for a single test."""
    sizes = {name: len(own) + sum(c.family == name for c in found.changes) for name, own in found.families.items()}
    if sum(sizes.values()) < 2:
        return ""
    joint = any(one.test.family_size > sizes[one.family] for one in found.comparisons if one.estimate.n > 1)
    return " over all of them" if joint or len(sizes) == 1 else f" in each family ({', '.join(sizes)})"
