"""Sentences on arms that are whole configs, not a component more or less; those with one verdict are said together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..statistics.comparison import Comparison
from ..statistics.effects import effects_of
from ..statistics.summary import Ablation
from ..statistics.verdict import BETTER, WORSE
from ..text import MOST_NAMED, interval, listed, many, value_text, with_unit


@dataclass(frozen=True)
class Alike:
    """At least two arms that all are better, or all worse, than one base; `every`: no other arm is compared to it."""

    comparisons: tuple[Comparison, ...]
    every: bool

    @property
    def nouns(self) -> str:
        """What they are: "trials" of a search, or "arms"."""
        return "trials" if all(re.fullmatch(r"trial \d+", one.arm) for one in self.comparisons) else "arms"

    @property
    def names(self) -> list[str]:
        """Their names."""
        return [one.arm for one in self.comparisons]


def alike(found: Ablation) -> list[Alike]:
    """Return the arms that can be said together: no run diverged, and there is no look and no margin to tell of."""
    groups: dict[tuple[str, str], dict[str, Comparison]] = {}
    for one in [] if found.across else whole(found):
        if one.finding in (BETTER, WORSE) and not one.survivors and one.estimate.n > 1:
            groups.setdefault((one.base, one.finding), {}).setdefault(one.arm, one)
    arms = {base: {one.arm for one in found.comparisons if one.base == base} for base, _ in groups}
    together = [Alike(tuple(own.values()), arms[base] == own.keys()) for (base, _), own in groups.items()]
    return [one for one in together if len(one.names) > 1 and (one.every or not any("," in name for name in one.names))]


def whole(found: Ablation) -> list[Comparison]:
    """Return the comparisons that are not of a component."""
    return [one.comparison for one in effects_of(found.comparisons) if not one.switched]


def whole_arm_sentences(decided: Sequence[Comparison], found: Ablation) -> list[str]:
    """Return a sentence for each group of alike arms and each other arm, in the order of the comparisons; of many
    arms, the largest differences.
    """
    groups = alike(found)
    told = {(one.arm, one.base) for group in groups for one in group.comparisons}
    single = [one for one in decided if (one.arm, one.base) not in told]
    largest = sorted(single, key=lambda one: -abs(one.estimate.mean))[:MOST_NAMED]
    sentences = [_together(group, found) for group in groups]
    sentences += [_alone(one, found) for one in single if one in largest]
    more = len(single) - len(largest)
    return [*sentences, *([f"The table has the verdict on {many(more, 'more arm')}."] if more else [])]


def reach(ends: Iterable[float], found: Ablation) -> str:
    """Return "from −1.24 to +2.00 points" of the ends of intervals."""
    low, *_, high = sorted(ends)
    return f"from {value_text(low, True, found.metric)} to {with_unit(high, found.metric, True)}"


def _together(group: Alike, found: Ablation) -> str:
    """Return "All 3 trials are better than the base (88.86 %): by 5.28 to 5.70 points; their 95 % intervals reach from
    +4.31 to +6.91 points.".
    """
    first, metric = group.comparisons[0], found.metric
    base = found.arm(first.base)
    name = "the base" if len({one.base for one in found.comparisons}) == 1 else base.name
    mean = with_unit(base.estimate.mean, metric) + f"; {base.lost}" * bool(base.lost)
    sizes = sorted(abs(one.estimate.mean) for one in group.comparisons)
    low, high = value_text(sizes[0], metric=metric), with_unit(sizes[-1], metric, True).lstrip("+")
    by = high if high.startswith(low) else f"{low} to {high}"
    ends = [end for one in group.comparisons for end in one.estimate.ends or ()]
    reached = f"; their {found.look_progress.confidence} % intervals reach {reach(ends, found)}" if ends else ""
    return f"{_who(group)} are {first.finding} than {name} ({mean}): by {by}{reached}."


def _who(group: Alike) -> str:
    count = len(group.names)
    if group.every:
        return f"Both {group.nouns}" if count == 2 else f"All {count} {group.nouns}"
    return listed(group.names)


def _alone(c: Comparison, found: Ablation) -> str:
    amount = f"{with_unit(c.estimate.mean, found.metric, True)}, {interval(c.estimate, True, found.metric)}"
    return f"{c.arm} against {c.base}: {c.finding} ({amount}, {many(c.estimate.n, 'seed')})."
