"""Sentences on the means of an ablation's arms: the best, and those of the bases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..metric import Metric
from ..statistics.arms import Arm
from ..statistics.comparison import tolerance
from ..statistics.summary import Ablation
from ..text import MOST_NAMED, interval, with_unit
from .whole_arms import alike


def mean_sentences(found: Ablation) -> Iterator[str]:
    """Yield the best mean among arms that lost no run, beside those of the bases; then better means of arms that lost
    runs.
    """
    arms, metric = [arm for arm in found.arms if arm.values], found.metric
    ranked = sorted(arms, key=lambda arm: -metric.sign * arm.estimate.mean)
    best = next((arm for arm in ranked if arm.whole), None)
    better = [arm for arm in ranked if not arm.whole and (best is None or _exceeds(arm, best, arms, metric))]
    if best:
        rest = _beside(best, better, found)
        yield f"{best.name} has the {metric.best_word} mean {metric.words}, {mean_text(best, metric)}{rest}."
    for arm in better:
        what = f"{metric.better} when it finishes" if best else "of those that finished"
        yield f"{arm.name}: {what}, {mean_text(arm, metric)}; {arm.lost}."


def mean_text(arm: Arm, metric: Metric) -> str:
    """Return "92.52 % [91.38, 93.52] over 8 seeds"."""
    found = arm.estimate
    mean = with_unit(found.mean, metric)
    if found.n < 2:
        return f"{mean} (n = 1, no interval)"
    shown = interval(found, metric=metric)
    return f"{mean} {shown if found.ends else f'({shown})'} over {found.n} seeds"


def _exceeds(arm: Arm, best: Arm, arms: Sequence[Arm], metric: Metric) -> bool:
    return metric.sign * (arm.estimate.mean - best.estimate.mean) > tolerance(arms, metric)


def _beside(best: Arm, told: Sequence[Arm], found: Ablation) -> str:
    """Return the means of the other bases ("; MAML 88.35 %, MAML++ 88.93 %"), or, where the sentence on arms that are
    alike has the base's, that the best was not tested against the others.
    """
    if of := next((group for group in alike(found) if best.name in group.names), None):
        return f"; the {of.nouns} were not tested against each other"
    names = dict.fromkeys(one.base for one in found.comparisons)
    bases = [arm for arm in found.arms if arm.name in names and arm.values and arm not in (best, *told)]
    if across := found.across:
        bases = [arm for arm in bases if across.arms[arm.name][1] == across.arms[best.name][1]]
    texts = [_short(arm, found.metric) for arm in bases]
    between = "; " if any("," in text for text in texts) else ", "
    return f"; {between.join(texts)}" if 0 < len(texts) <= MOST_NAMED // 2 else ""


def _short(arm: Arm, metric: Metric) -> str:
    return f"{arm.name} {with_unit(arm.estimate.mean, metric)}{f' ({arm.lost})' if arm.lost else ''}"
