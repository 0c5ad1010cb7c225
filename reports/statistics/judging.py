"""Judges the comparisons of one family at every look taken; a look's decisions are final."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .contrast import Contrast
from .estimate import alike
from .family_test import Differences, SignFlip, family_tests
from .look_progress import ONCE, Look
from .permutation import SAME, holm
from .verdict import BETTER, WORSE, Verdict, beyond_margin, equivalence_p, seeds_to_decide

if TYPE_CHECKING:
    from .arms import Arm


@dataclass(frozen=True)
class Rules:
    """Rules for judging a study's comparisons.

    `moderated`: see `max_t`; `margin`: in display units (values times `scale`); `looks`: those taken, empty before the
    first declared one. Differences times `unit` are above 0 where the arm is better, and have the tolerance of
    accuracies.
    """

    moderated: bool = False
    margin: float | None = None
    looks: tuple[Look, ...] = (ONCE,)
    unit: float = 1.0
    scale: float = 100.0
    shown: str = "points"

    @property
    def within(self) -> float | None:
        """The margin for differences times `unit`."""
        return None if self.margin is None else self.margin / self.scale * abs(self.unit)


USUAL = Rules()
"""One test at 0.05 with all seeds, without a margin."""


@dataclass(frozen=True)
class Judged:
    """One comparison's test and verdict."""

    test: SignFlip
    verdict: Verdict


def judge(contrasts: Sequence[Contrast], arms: Mapping[str, Arm], rules: Rules) -> list[Judged]:
    """Return what is decided of each of a family's contrasts: comparisons, and how these change.

    Superiority: step-down maxT over the comparisons not yet decided, on signed ranks if any run of the family diverged.
    Equivalence within the margin: two one-sided t tests, adjusted by Holm.
    """
    if not rules.looks:
        untested = (replace(test, adjusted=None, level=0.0) for test in _tests(contrasts, arms, None, rules))
        return [Judged(test, Verdict()) for test in untested]
    tests = _at_looks(contrasts, arms, rules)
    equivalent = _equivalent(contrasts, arms, rules)
    last = rules.looks[-1]
    found = []
    for own, test, (p, within) in zip(contrasts, tests, equivalent, strict=True):
        values = list(_own(own, arms, last, rules).values())
        found.append(Judged(test, _verdict(values, _direction(own, arms, test, rules), test, p, within, rules)))
    return found


def _verdict(
    values: Sequence[float], direction: str, test: SignFlip, p: float | None, within: bool, rules: Rules
) -> Verdict:
    margin, level = rules.within, rules.looks[-1].level
    identical = len(values) > 1 and alike(values) and not values[0] and not test.ranks
    beyond = bool(direction) and margin is not None and beyond_margin(values, margin, level / test.family_size)
    decided = bool(direction) or within or identical
    seeds = None if decided else seeds_to_decide(values, test.family_size, level, margin)
    too_few = not decided and not test.can_be_significant
    return Verdict(direction, within, beyond, rules.margin, p, identical, seeds, rules.shown, too_few)


def _at_looks(contrasts: Sequence[Contrast], arms: Mapping[str, Arm], rules: Rules) -> list[SignFlip]:
    """Return each comparison's test at the look that decided it, else at the last look."""
    found: dict[int, SignFlip] = {}
    for look in rules.looks:
        left = [place for place in range(len(contrasts)) if place not in found or not found[place].significant]
        for place, test in zip(left, _tests([contrasts[place] for place in left], arms, look, rules), strict=True):
            found[place] = replace(test, level=look.level, look=len(look.seeds or ()))
    return [found[place] for place in range(len(contrasts))]


def _tests(contrasts: Sequence[Contrast], arms: Mapping[str, Arm], look: Look | None, rules: Rules) -> list[SignFlip]:
    seeds = look.seeds if look else None
    if _diverged((name for one in contrasts for name in one.names), arms, look):
        return family_tests([one.ranks(arms, rules.unit, seeds) for one in contrasts], rules.moderated, ranks=True)
    return family_tests([_own(one, arms, look, rules) for one in contrasts], rules.moderated)


def _diverged(involved: Iterable[str], arms: Mapping[str, Arm], look: Look | None) -> bool:
    """Return whether a run of these arms diverged in a seed of this look."""
    lost = (seed for name in involved if name in arms for seed in arms[name].diverged)
    return any(look is None or look.seeds is None or seed in look.seeds for seed in lost)


def _own(contrast: Contrast, arms: Mapping[str, Arm], look: Look | None, rules: Rules) -> Differences:
    seeds, found = look.seeds if look else None, contrast.differences(arms, SAME / abs(rules.unit))
    return {seed: rules.unit * value for seed, value in found.items() if seeds is None or seed in seeds}


def _direction(contrast: Contrast, arms: Mapping[str, Arm], test: SignFlip, rules: Rules) -> str:
    """Return the side of a contrast that the test has decided, at the look that decided it."""
    if not test.significant:
        return ""
    look = next(one for one in rules.looks if len(one.seeds or ()) == test.look)
    own = contrast.ranks(arms, rules.unit, look.seeds) if test.ranks else _own(contrast, arms, look, rules)
    return BETTER if math.fsum(own.values()) > 0 else WORSE


def _equivalent(
    contrasts: Sequence[Contrast], arms: Mapping[str, Arm], rules: Rules
) -> list[tuple[float | None, bool]]:
    """Return the Holm-adjusted p, and whether any look found the difference to be within the margin."""
    found: list[tuple[float | None, bool]] = [(None, False)] * len(contrasts)
    if (margin := rules.within) is None:
        return found
    for look in rules.looks:
        left = [place for place, (_, within) in enumerate(found) if not within]
        raw = [_equivalence(contrasts[place], arms, look, rules, margin) for place in left]
        adjusted = holm([math.nan if p is None else p for p in raw]).tolist()
        for place, p in zip(left, adjusted, strict=True):
            found[place] = (None, False) if math.isnan(p) else (p, p <= look.equivalence)
    return found


def _equivalence(contrast: Contrast, arms: Mapping[str, Arm], look: Look, rules: Rules, margin: float) -> float | None:
    if _diverged(contrast.names, arms, look):
        return None
    return equivalence_p(list(_own(contrast, arms, look, rules).values()), margin)
