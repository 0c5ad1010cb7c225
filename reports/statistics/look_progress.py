"""The looks that a study has reached, and the seeds of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .. import records as names
from ..records import Family, RunRecord, StudyInfo
from .looks import look_levels, undeclared_rate
from .permutation import ALPHA, smallest_p


@dataclass(frozen=True)
class Look:
    """A test of all comparisons on `seeds` (None: all) at `level`; `equivalence` is its one-sided level."""

    seeds: frozenset[int] | None = None
    level: float = ALPHA
    equivalence: float = ALPHA


ONCE = Look()
"""Default without declared looks: one test of all seeds at 0.05."""


@dataclass(frozen=True)
class LookProgress:
    """Progress of a study through its looks.

    Attributes:
        declared: numbers of seeds of the declared looks; if empty, all seeds are tested at 0.05.
        looks: those taken, the current one last; empty before the first declared one.
        later: seeds that count at a later look.
        complete: seeds whose runs in all comparisons have ended.
        remarks: sentences on undeclared looks, and on what was declared otherwise at an earlier one.
    """

    declared: tuple[int, ...]
    looks: tuple[Look, ...]
    later: frozenset[int]
    complete: tuple[int, ...]
    remarks: tuple[str, ...] = ()

    @property
    def confidence(self) -> str:
        """Confidence level of the intervals of differences in percent: 95, or that of the last look."""
        return f"{100 * (1 - (self.looks[-1].level if self.looks else ALPHA)):.3g}"

    @property
    def next(self) -> int | None:
        """Seeds of the next declared look; None after the last one or without declared looks."""
        reached = len(self.looks[-1].seeds or ()) if self.looks else 0
        return next((look for look in self.declared if look > reached), None)


NO_LOOKS = LookProgress((), (ONCE,), frozenset(), ())
"""A study without declared looks."""


def look_progress_of(records: Sequence[RunRecord], info: StudyInfo) -> LookProgress:
    """Return an ablation's progress. A declared look is taken when a command shows its number of complete seeds,
    counted in order without gaps; a skipped look is forfeited.
    """
    complete = complete_seeds(records, info.families)
    if not info.looks:
        return LookProgress((), (ONCE,), frozenset(), complete, (*_undeclared(info, complete), *_changed(info)))
    seeds = sorted({record.seed for record in records if record.seed is not None})
    leading = _leading(seeds, complete)
    levels = zip(look_levels(info.looks), look_levels(info.looks, one_sided=True), strict=True)
    at = dict(zip(info.looks, levels, strict=True))
    counts = [len(_leading(seeds, one.seeds)) for one in info.shown] + [len(leading)]
    reached = {max((look for look in info.looks if look <= count), default=0) for count in counts}
    taken = sorted(look for look in reached if 0 < look <= len(leading))
    looks = tuple(Look(frozenset(leading[:look]), *at[look]) for look in taken)
    later = frozenset(seeds) - (looks[-1].seeds or frozenset()) if looks else frozenset()
    return LookProgress(info.looks, looks, later, complete, tuple(_changed(info)))


def complete_seeds(records: Sequence[RunRecord], families: Sequence[Family]) -> tuple[int, ...]:
    """Return the seeds in which every compared arm has an ended run."""
    arms = {arm for family in families for pair in family.comparisons for arm in pair}
    ended: dict[int, set[str | None]] = {}
    for record in records:
        if record.seed is not None and record.state in names.ENDED:
            ended.setdefault(record.seed, set()).add(record.arm)
    return tuple(sorted(seed for seed, own in ended.items() if arms <= own)) if arms else ()


def _leading(seeds: Sequence[int], complete: Sequence[int]) -> list[int]:
    """Return the leading complete seeds of `seeds`."""
    gap = next((place for place, seed in enumerate(seeds) if seed not in complete), len(seeds))
    return [*seeds[:gap]]


def _undeclared(info: StudyInfo, complete: Sequence[int]) -> list[str]:
    """Return a remark on undeclared looks at fewer seeds, if any of them could have decided something."""
    earlier = {len(one.seeds) for one in info.shown if set(one.seeds) < set(complete)}
    significant = sorted(look for look in earlier if smallest_p(look) <= ALPHA)
    equivalent = sorted(look for look in earlier if look > 1 and info.margin is not None)
    rates = []
    if significant:
        rate = 100 * undeclared_rate([*significant, len(complete)])
        rates.append(f"a comparison without an effect is called significant in about {rate:.1f} %")
    if equivalent:
        rate = 100 * undeclared_rate([*equivalent, len(complete)], one_sided=True)
        rates.append(f"one whose true difference is the margin is called equivalent in about {rate:.1f} %")
    if not rates:
        return []
    looks = ", ".join(map(str, sorted({*significant, *equivalent})))
    return [
        f"This study was also looked at with {looks} seeds, which was not declared: at {looks} or {len(complete)}"
        f" seeds, {' and '.join(rates)} of such studies, not in 5 %, if these were the numbers of seeds from the start."
        " Declare them with looks = [...] under [ablation]."
    ]


def _changed(info: StudyInfo) -> list[str]:
    """Return a remark for each earlier look at which something else was declared."""
    found = []
    for one in info.shown:
        if what := one.declared_otherwise(info.looks, info.margin, info.test, info.adjust, info.families):
            found.append(
                f"When {len(one.seeds)} seeds were shown, the spec declared {what}: what it declares now"
                " was not fixed before the results were seen, so its error rates do not hold."
            )
    return list(dict.fromkeys(found))
