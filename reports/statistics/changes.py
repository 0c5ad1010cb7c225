"""Whether an effect changes between values of a setting: how a comparison differs between two of them, seed by seed.

Changes are judged together with the comparisons of their family, by the same test. An effect near 100 % has less room,
so a change in points may be none in log odds: accuracies are said to change only if both scales agree.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..designs import Across, Change, Family
from ..metric import BEST_VALIDATION, Metric
from .arms import Arm
from .contrast import Contrast
from .estimate import Estimate, difference_estimate
from .family_test import SignFlip
from .judging import Judged, Rules, judge
from .permutation import ALPHA
from .same_tests import unequal_tests
from .verdict import Verdict

LEAST_ANSWERS = 10_000
"""Test answers of a run that does not say how many: half of one is the nearest to 0 and 1 that its log odds go."""


@dataclass(frozen=True)
class EffectChange:
    """`arm` minus `base` at one value minus the same at the first value, paired by seed over all four arms.

    Attributes:
        family: within which p is adjusted, together with the comparisons at every value.
        arm, base: their names in the design; `place` is that of the later value.
        differences: seed -> change of the difference of the primary metric.
        estimate: their mean, with the interval of a comparison's.
        test, verdict: of the metric alone; `changes` says what may be said.
        log_odds: the same of its log odds; None for a metric that is no share.
        diverged: runs of the four arms that diverged.
        unequal: in what the tests at both values differ; empty if they are of the same tasks.
    """

    family: str
    arm: str
    base: str
    place: int
    differences: Mapping[int, float]
    estimate: Estimate
    test: SignFlip
    verdict: Verdict
    log_odds: Judged | None
    diverged: int
    unequal: str

    @property
    def changes(self) -> bool:
        """Whether the effect is decided to change, on both scales."""
        return bool(self.verdict.direction) and not self.only_in_points

    @property
    def decided(self) -> bool:
        """Whether it is decided to change, or to hold within the margin."""
        return self.changes or self.verdict.equivalent

    @property
    def only_in_points(self) -> str:
        """What its log odds say, in words, if the change is decided in points alone; otherwise empty."""
        odds = self.log_odds.verdict.direction if self.log_odds else self.verdict.direction
        if not self.verdict.direction or odds == self.verdict.direction:
            return ""
        return "but the other way in log odds" if odds else "but in log odds that is undecided"

    @property
    def finding(self) -> str:
        """What is decided, in words."""
        verdict = self.verdict
        if self.changes:
            size = f", by more than {verdict.margin_text}" * verdict.beyond
            return f"changes{f', by less than {verdict.margin_text}' if verdict.equivalent else size}"
        if verdict.equivalent:
            return f"holds (within {verdict.margin_text})"
        if self.only_in_points:
            return f"changes in points, {self.only_in_points}"
        return "no change in any seed" if verdict.identical else verdict.text


def judge_families(
    families: Sequence[Family], across: Across | None, arms: Mapping[str, Arm], rules: Rules, together: bool
) -> tuple[list[Judged], list[Judged]]:
    """Return what is decided of every comparison, and of every change, in the order of families."""
    compared = [[Contrast((arm,), (base,)) for arm, base in family.comparisons] for family in families]
    changed = [[_contrast(one) for one in across.changes(family)] if across else [] for family in families]
    if together:
        compared, changed = ([[one for own in side for one in own]] for side in (compared, changed))
    found: tuple[list[Judged], list[Judged]] = ([], [])
    for own, more in zip(compared, changed, strict=True):
        judged = judge([*own, *more], arms, rules)
        found[0].extend(judged[: len(own)])
        found[1].extend(judged[len(own) :])
    return found


def effect_changes(
    families: Sequence[Family], across: Across, arms: Mapping[str, Arm], metric: Metric, rules: Rules,
    judged: Sequence[Judged], same: float, together: bool,
) -> tuple[EffectChange, ...]:  # fmt: skip
    """Return every change of every family, of which `judged` says what is decided."""
    own = [(family.name, change) for family in families for change in across.changes(family)]
    logits: Sequence[Judged | None] = [None] * len(own)
    if metric.is_share:
        odds = {name: _in_log_odds(arm) for name, arm in arms.items()}
        logits = judge_families(families, across, odds, replace(rules, margin=None), together)[1]
    level = rules.looks[-1].level if rules.looks else ALPHA
    return tuple(
        _change(family, change, arms, metric, one, logit, level, same)
        for (family, change), one, logit in zip(own, judged, logits, strict=True)
    )


def _change(
    family: str, change: Change, arms: Mapping[str, Arm], metric: Metric, judged: Judged, logit: Judged | None,
    level: float, same: float,
) -> EffectChange:  # fmt: skip
    contrast = _contrast(change)
    found = contrast.differences(arms, same)
    unequal = ""
    if found and metric != BEST_VALIDATION:
        unequal = unequal_tests(arms[change.later[0]], arms[change.first[0]], list(found))
    return EffectChange(
        family, *change.pair, change.place, found,
        difference_estimate(list(found.values()), 1 - level, metric, same, reach=2),
        judged.test, judged.verdict, logit,
        sum(len(arms[name].diverged) for name in contrast.names if name in arms), unequal,
    )  # fmt: skip


def _contrast(change: Change) -> Contrast:
    (arm, base), (first_arm, first_base) = change.later, change.first
    return Contrast((arm, first_base), (base, first_arm))


def _in_log_odds(arm: Arm) -> Arm:
    half = 0.5 / _answers(arm)
    shares = {seed: min(max(value, half), 1 - half) for seed, value in arm.values.items()}
    return replace(arm, values={seed: math.log(share / (1 - share)) for seed, share in shares.items()})


def _answers(arm: Arm) -> int:
    """Return how many answers a run's accuracy counts."""
    params = arm.used[0].params if arm.used else {}
    counts = [params.get(path, "") for path in ("episodes.ways", "episodes.queries", "evaluation.test_tasks")]
    return math.prod(int(text) for text in counts) if all(map(str.isdecimal, counts)) else LEAST_ANSWERS
