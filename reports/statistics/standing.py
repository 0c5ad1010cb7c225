"""Which looks of a study have been reached, and on which seeds each is judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .. import records as names
from ..records import Family, RunRecord, StudyInfo
from .looks import look_levels, undeclared_rate
from .permutation import ALPHA, smallest_p


@dataclass(frozen=True)
class Look:
    """A test of all comparisons on `seeds` (None: all that there are) at `level`; `equivalence` is the level of
    equivalence, one-sided.
    """

    seeds: frozenset[int] | None = None
    level: float = ALPHA
    equivalence: float = ALPHA


ONCE = Look()
"""Without declared looks: one test of all seeds at 0.05."""


@dataclass(frozen=True)
class Standing:
    """Where a study stands.

    Attributes:
        declared: numbers of seeds of the declared looks; empty without any: then all seeds are tested, at 0.05.
        looks: those that were taken, the present one last; empty before the first declared one.
        later: seeds that count at a later look.
        complete: seeds of which all runs of all comparisons have ended.
        remarks: what a reader should know of looks that were not declared: sentences.
    """

    declared: tuple[int, ...]
    looks: tuple[Look, ...]
    later: frozenset[int]
    complete: tuple[int, ...]
    remarks: tuple[str, ...] = ()

    @property
    def confidence(self) -> str:
        """What the intervals of differences cover, in percent: 95, or the last look's level."""
        return f"{100 * (1 - (self.looks[-1].level if self.looks else ALPHA)):.3g}"

    @property
    def next(self) -> int | None:
        """Seeds of the next declared look; None after the last, and without any."""
        reached = len(self.looks[-1].seeds or ()) if self.looks else 0
        return next((look for look in self.declared if look > reached), None)


USUAL = Standing((), (ONCE,), frozenset(), ())
"""Of a study that declares no looks."""


def standing_of(records: Sequence[RunRecord], info: StudyInfo) -> Standing:
    """Return where an ablation stands. A declared look is taken when a command shows so many complete seeds, counted
    in the order of seeds without a gap; one that was passed over is forfeited.
    """
    complete = complete_seeds(records, info.families)
    if not info.looks:
        return Standing((), (ONCE,), frozenset(), complete, tuple(_undeclared(info, complete)))
    seeds = sorted({record.seed for record in records if record.seed is not None})
    leading = _leading(seeds, complete)
    levels = zip(look_levels(info.looks), look_levels(info.looks, one_sided=True), strict=True)
    at = dict(zip(info.looks, levels, strict=True))
    counts = [len(_leading(seeds, one.seeds)) for one in info.shown] + [len(leading)]
    reached = {max((look for look in info.looks if look <= count), default=0) for count in counts}
    taken = sorted(look for look in reached if 0 < look <= len(leading))
    looks = tuple(Look(frozenset(leading[:look]), *at[look]) for look in taken)
    later = frozenset(seeds) - (looks[-1].seeds or frozenset()) if looks else frozenset()
    return Standing(info.looks, looks, later, complete, tuple(_changed(info)))


def complete_seeds(records: Sequence[RunRecord], families: Sequence[Family]) -> tuple[int, ...]:
    """Return the seeds of which a run of every arm that is compared has ended."""
    arms = {arm for family in families for pair in family.comparisons for arm in pair}
    ended: dict[int, set[str | None]] = {}
    for record in records:
        if record.seed is not None and record.state in names.ENDED:
            ended.setdefault(record.seed, set()).add(record.arm)
    return tuple(sorted(seed for seed, own in ended.items() if arms <= own)) if arms else ()


def _leading(seeds: Sequence[int], complete: Sequence[int]) -> list[int]:
    """Return the first of `seeds`, as far as they are complete."""
    gap = next((place for place, seed in enumerate(seeds) if seed not in complete), len(seeds))
    return [*seeds[:gap]]


def _undeclared(info: StudyInfo, complete: Sequence[int]) -> list[str]:
    """Return what to say of looks at fewer seeds, if any of them could have decided something."""
    earlier = {len(one.seeds) for one in info.shown if set(one.seeds) < set(complete)}
    could = sorted(look for look in earlier if smallest_p(look) <= ALPHA)
    if not could:
        return []
    rate = 100 * undeclared_rate([*could, len(complete)])
    looks = ", ".join(map(str, could))
    return [
        f"This study was also looked at with {looks} seeds, which was not declared: a comparison without an effect is"
        f" called significant at {looks} or {len(complete)} seeds in about {rate:.1f} % of such studies, not in 5 %, if"
        " these were the numbers of seeds from the start. Declare them with looks = [...] under [ablation]."
    ]


def _changed(info: StudyInfo) -> list[str]:
    """Return what to say where looks or margin were declared otherwise at an earlier look."""
    found = []
    for one in info.shown:
        what = [f"looks {list(one.looks)}"] * (one.looks != info.looks)
        what += ["no margin" if one.margin is None else f"a margin of {one.margin:g}"] * (one.margin != info.margin)
        if what:
            found.append(
                f"When {len(one.seeds)} seeds were shown, the spec declared {' and '.join(what)}: what it declares now"
                " was not fixed before the results were seen, so its error rates do not hold."
            )
    return list(dict.fromkeys(found))
