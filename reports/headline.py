"""What an ablation found, in sentences made of numbers; an arm that lost runs is not named without saying so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .metric import Metric
from .statistics.arms import Arm
from .statistics.comparison import Comparison, tolerance
from .statistics.summary import Ablation
from .text import interval, many, with_interval, with_unit


def arm_sentences(found: Ablation) -> list[str]:
    """Return the highest mean, the largest difference, and how many comparisons are clear; or what is missing for
    that.
    """
    measured = [arm for arm in found.arms if arm.values]
    if not measured:
        what = "accuracy" if found.metric.is_share else found.metric.words
        return [f"No run is complete yet, so there is no {what} to report."]
    return [*_mean_sentences(measured, found.metric), *_difference_sentences(found)]


def _mean_sentences(measured: Sequence[Arm], metric: Metric) -> Iterator[str]:
    """Yield the best mean of the arms that lost no run, then the arms that lost runs and have a better one."""
    ranked = sorted(measured, key=lambda arm: -metric.sign * arm.estimate.mean)
    same = tolerance(measured, metric)
    whole = [arm for arm in ranked if arm.whole]
    if whole:
        unit = {"%": ", in percent", "": ""}.get(metric.unit, f", in {metric.unit}")
        yield (
            f"The {metric.best_word} mean {metric.words} is that of {whole[0].name}:"
            f" {with_interval(whole[0].estimate, metric=metric)}{unit}."
        )
    for arm in ranked:
        if not arm.whole and (not whole or metric.sign * (arm.estimate.mean - whole[0].estimate.mean) > same):
            better = f"{metric.better} when it finishes" if whole else "of those that finished"
            yield f"{arm.name}: {better}, {with_interval(arm.estimate, metric=metric)}; {arm.lost}."


def _difference_sentences(found: Ablation) -> Iterator[str]:
    judged = [comparison for comparison in found.comparisons if comparison.estimate.n > 1]
    if judged:
        yield _largest(judged, found.metric)
        yield _clear(judged, any(c.test.family_size > len(found.families[c.family]) for c in judged))
        if not any(comparison.test.can_be_significant for comparison in judged):
            yield "With so few seeds no comparison can be significant, however large: train more seeds."
    elif any(comparison.disjoint for comparison in found.comparisons):
        yield "The arms that are compared have no seed in common, so there are no pairs: train them on the same seeds."
    elif found.comparisons:
        yield "No comparison has two pairs of seeds yet, so no difference has an interval: run more seeds."


def _largest(judged: Sequence[Comparison], metric: Metric) -> str:
    largest = max(judged, key=lambda comparison: abs(comparison.estimate.mean))
    e = largest.estimate
    between = interval(e, True) if e.low is None else f"95 % interval {interval(e, True, metric)}"
    counts = [
        f"{count} of {arm}" for arm, count in ((largest.arm, largest.diverged), (largest.base, largest.base_diverged))
    ]
    lost = " and ".join(text for text in counts if not text.startswith("0 "))
    survivors = f", of those that finished; diverged: {lost}" if largest.survivors else ""
    return (
        f"The largest difference is {largest.arm} minus {largest.base}: {with_unit(e.mean, metric, True)}, {between},"
        f" {many(e.n, 'pair')}{survivors}."
    )


def _clear(judged: Sequence[Comparison], joint: bool) -> str:
    clear = sum(comparison.estimate.excludes_zero for comparison in judged)
    significant = sum(comparison.test.significant for comparison in judged)
    ranks = ", by signed ranks where runs diverged" if any(comparison.test.ranks for comparison in judged) else ""
    return (
        f"Of {many(len(judged), 'comparison')} the interval leaves out 0 in {clear} (not corrected for their number);"
        f" the sign-flip test is significant at 0.05 in {significant} (step-down maxT"
        f" {'over all tables' if joint else 'within each table'}{ranks})."
    )
