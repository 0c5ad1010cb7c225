"""Diverged runs: their share, McNemar's test against the base, and signed ranks for other tests.

A diverged run has no accuracy. Counted as chance level it would dominate the mean; left out, it would flatter its arm.
So it ranks below every run that finished, and tests use signed ranks.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from .arms import Arm
from .estimate import LEVEL, Estimate
from .permutation import SAME


@dataclass(frozen=True)
class Divergence:
    """Divergence of an arm: `share` of its ended runs, with Clopper and Pearson's interval.

    `p`: McNemar's exact test against the base over the seeds in which both runs ended; None without a base.
    """

    arm: str
    diverged: int
    share: Estimate
    base: str | None
    p: float | None


def divergence(arm: Arm, base: Arm | None) -> Divergence:
    """Return the divergence of `arm` against `base`; the arm must have a run that is complete or diverged."""
    count, ended = len(arm.diverged), len(arm.diverged) + len(arm.values)
    from scipy.stats import binomtest  # slow to import

    found = binomtest(count, ended).proportion_ci(LEVEL, method="exact")
    share = Estimate(count / ended, float(found.low), float(found.high), ended)
    return Divergence(arm.name, count, share, base.name if base else None, mcnemar(arm, base) if base else None)


def mcnemar(arm: Arm, base: Arm) -> float:
    """Return the two-sided exact p of McNemar's test on the seeds in which exactly one of the two runs diverged."""
    only_arm, only_base = len(arm.diverged & base.values.keys()), len(base.diverged & arm.values.keys())
    discordant = only_arm + only_base
    from scipy.stats import binomtest

    return float(binomtest(only_arm, discordant).pvalue) if discordant else 1.0


def signed_ranks(
    plus: Sequence[Arm], minus: Sequence[Arm], unit: float = 1.0, seeds: Collection[int] | None = None
) -> dict[int, float]:
    """Return the signed rank of sum(`plus` arms) - sum(`minus` arms) in each seed (of `seeds`, if given) in which all
    their runs ended.

    A diverged run ranks below every other: its seed has the largest rank, against its side. With equally many diverged
    runs on both sides, or equal accuracies, the value is 0, without a rank. Ties share the mean of their ranks.
    Differences times `unit` are above 0 where the plus side is better.
    """
    ended = (arm.values.keys() | arm.diverged for arm in (*plus, *minus))
    found: dict[int, float] = {}
    for seed in sorted(set.intersection(*({*own} for own in ended))):
        if seeds is None or seed in seeds:
            lost = [seed in arm.diverged for arm in (*plus, *minus)]
            found[seed] = _pull(lost, len(plus)) if any(lost) else unit * _beyond(plus, minus, seed, SAME / abs(unit))
    return _ranked(found)


def _pull(lost: Sequence[bool], plus: int) -> float:
    """Return the sign, as +-inf or 0, that diverged runs give a seed; the first `plus` entries are the plus arms."""
    more = sum(lost[plus:]) - sum(lost[:plus])
    return math.copysign(math.inf, more) if more else 0.0


def _beyond(plus: Sequence[Arm], minus: Sequence[Arm], seed: int, same: float) -> float:
    found = math.fsum(arm.values[seed] for arm in plus) - math.fsum(arm.values[seed] for arm in minus)
    return found if abs(found) > same else 0.0


def _ranked(values: Mapping[int, float]) -> dict[int, float]:
    known = {seed: value for seed, value in sorted(values.items()) if value}
    from scipy.stats import rankdata

    ranks = rankdata([round(abs(value), 9) for value in known.values()]).tolist()  # equal counts, unequal last digits
    signed = {seed: rank if known[seed] > 0 else -rank for seed, rank in zip(known, ranks, strict=True)}
    return {seed: signed.get(seed, 0.0) for seed in sorted(values)}
