"""Notes below a family's table: how its numbers were made, the smallest possible p, and lost runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import stdev

from ..metric import Metric
from ..statistics.arms import Arm
from ..statistics.comparison import Comparison
from ..statistics.look_progress import LookProgress
from ..statistics.permutation import EXACT_UP_TO, MOST_FLIPS
from ..statistics.summary import Ablation
from ..text import between
from .cells import COMPUTE_NOTE, INTERVAL, mean_interval, meaning

NEAR, SPREAD = 0.8, 0.5
"""An arm is near 0 or 100 % beyond so much of the way there; its seeds vary much beyond this deviation in log odds."""


def bold(metric: Metric) -> str:
    """Return the note on bold values in a table of arms."""
    return f"Bold: the {metric.best_word} mean among arms that lost no run."


def family_notes(ablation: Ablation, comparisons: Sequence[Comparison]) -> Iterable[str]:
    """Yield the notes of a family's table."""
    metric = ablation.metric
    yield f"{meaning(metric)}; mean over n seeds, interval: {mean_interval(metric)}. {bold(metric)}"
    same = shared(ablation.pairing, any(c.unequal for c in comparisons))
    base = comparisons[0].base if len({c.base for c in comparisons}) == 1 else "its base, above it without a difference"
    sign = ", negative where the arm is better" if metric.better == "lower" else ""
    yield (
        f"Difference: arm minus {base}{sign}, paired by seed{same and f' ({same})'}. Interval:"
        f" {level_text(ablation)}, not corrected for the number of comparisons."
    )
    yield _p_note(ablation, comparisons)
    yield from [COMPUTE_NOTE] * ablation.has_compute
    involved = {name for c in comparisons for name in (c.arm, c.base)}
    yield from coverage_notes([arm for arm in ablation.arms if arm.name in involved], metric)
    yield from look_notes(ablation.look_progress)
    yield from _test_notes(comparisons)
    yield from _lost_notes(ablation, comparisons)


def coverage_notes(arms: Iterable[Arm], metric: Metric) -> Iterable[str]:
    """Yield which arms' intervals hold their mean less often than they claim: near 0 or 100 %, if seeds vary much."""
    found = [
        arm.name
        for arm in arms
        if metric.is_share
        and len(arm.values) > 1
        and NEAR < 2 * abs(arm.estimate.mean - 0.5) < 1
        and stdev(arm.values.values()) > SPREAD * arm.estimate.mean * (1 - arm.estimate.mean)
    ]
    if found:
        yield (
            f"So near 0 or 100 %, and with seeds that vary so much ({', '.join(found)}), an arm's 95 % interval held"
            " its mean in 89 to 94 % of simulated studies (docs/statistics.md). Intervals of differences are not"
            " affected."
        )


def shared(pairing: str, other_tests: bool) -> str:
    """Return what runs of equal seeds share ("same initial weights, same tasks"), without the test tasks where two arms
    have different ones; empty if unknown.
    """
    parts = [part.strip() for part in pairing.split(",") if part.strip()]
    kept = [part for part in parts if not (other_tests and "tasks" in part and "training" not in part)]
    return ", ".join(f"same {part}" for part in kept)


def level_text(ablation: Ablation) -> str:
    """Return how intervals of differences are made: at 95 %, or at the last look's level."""
    return INTERVAL.replace("95 %", f"{ablation.look_progress.confidence} %")


def _p_note(ablation: Ablation, comparisons: Sequence[Comparison]) -> str:
    """Return the note on how p was computed and its smallest possible value."""
    most = max((c.test for c in comparisons), key=lambda test: test.seeds)
    ways = f"{MOST_FLIPS:,} random sign patterns" if most.seeds > EXACT_UP_TO else "all sign patterns"
    how = most.procedure + ", because not all comparisons have the same seeds" * most.missing
    how += ", moderated by the median variance" if most.moderated else ""
    size = max(c.test.family_size for c in comparisons)  # later looks test fewer
    changes = sum(change.family == comparisons[0].family for change in ablation.changes)
    joint = size > len(comparisons) + changes
    text = (
        f"Adjusted p: sign-flip test over seeds ({ways}), step-down {how}; controls the family-wise error over the"
        f" {size} comparison{'s' * (size > 1)} of {'all tables' if joint else 'this table'}"
        f"{' and their changes' * bool(changes)}."
    )
    pairs = sorted({c.test.seeds for c in comparisons})
    if not pairs[-1] or not most.level:
        return text
    what = "ranked pair" if most.ranks else "pair"
    each = between(pairs, what) + " in each" * (len(pairs) == 1)
    end = (
        "" if most.can_be_significant else f", so nothing here can be significant at {most.level:.3g}: train more seeds"
    )
    return f"{text} With {each} it cannot fall below {most.smallest:.2g}{end}."


def look_notes(look_progress: LookProgress) -> Iterable[str]:
    """Yield a note on the looks at which a study was judged; nothing if it declares none."""
    if not look_progress.declared:
        return
    planned = ", ".join(map(str, look_progress.declared))
    if not look_progress.looks:
        yield f"Judged with {planned} seeds, as declared: no test before the first look."
        return
    taken = ", ".join(f"{len(look.seeds or ())} seeds at {look.level:.3g}" for look in look_progress.looks)
    more = f" Next look: {look_progress.next} seeds." if look_progress.next else ""
    yield (
        f"Looks declared at {planned} seeds; tested: {taken}, which together keep 0.05. What a look decides stays"
        f" decided. Intervals have the level of the last look; estimates of effects decided early tend to be too far"
        f" from 0.{more}"
    )


def _test_notes(comparisons: Sequence[Comparison]) -> Iterable[str]:
    for c in comparisons:
        if c.unequal:
            yield (
                f"{c.arm} and {c.base} were not tested on the same tasks ({c.unequal}), so their difference also"
                " contains task noise."
            )
        if c.disjoint:
            yield f"{c.arm} and {c.base} have no seed in common, so there is no pair: train both on the same seeds."


def _lost_notes(ablation: Ablation, comparisons: Sequence[Comparison]) -> Iterable[str]:
    known = {arm.name: arm for arm in ablation.arms}
    involved = dict.fromkeys(name for c in comparisons for name in (c.base, c.arm) if name in known)
    if lost := [f"{name} {known[name].lost}" for name in involved if known[name].lost]:
        yield f"Runs excluded from means: {', '.join(lost)}. Means and differences are over the runs that finished."
    if any(c.test.ranks for c in comparisons):
        yield (
            "Because runs diverged, p is from a signed-rank test: a diverged run counts as worse than every finished"
            " one, and two diverged runs as a tie."
        )
    for base in dict.fromkeys(c.base for c in comparisons if c.base not in known or not known[c.base].values):
        yield f"The base arm {base} has no complete run, so nothing can be compared with it."
