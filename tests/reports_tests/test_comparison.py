"""A comparison's numbers from records: pairs, families, diverged runs, noise."""

import pytest

from reports.records import Family, RunRecord, StudyInfo
from reports.statistics.summary import summarise_ablation

from .example import record

FAMILIES = (Family("first", (("A", "B"), ("C", "B"))), Family("second", (("A", "C"),)))
INFO = StudyInfo("s", "ablation", families=FAMILIES)


def runs(arm: str, accuracies: list[float | None], per_task: tuple[float, ...] = (-0.01, 0.01)) -> list[RunRecord]:
    """A run a seed; None diverged. The test accuracies of its tasks lie around its own."""
    start = 100 * ord(arm)
    return [
        record(
            start + seed, "diverged" if accuracy is None else "complete", accuracy, arm=arm, seed=seed,
            per_task={} if accuracy is None else {"single": [accuracy + step for step in per_task]},
        )
        for seed, accuracy in enumerate(accuracies)
    ]  # fmt: skip


BASE = runs("B", [0.5] * 7)
EXAMPLE = [*runs("A", [0.5 + 0.01 * (1 + seed) for seed in range(7)]), *BASE, *runs("C", [None, *[0.5] * 6])]


def test_each_family_is_adjusted_by_itself_and_nothing_is_compared_but_what_it_lists() -> None:
    found = summarise_ablation(EXAMPLE, INFO)
    assert [(c.family, c.arm, c.base) for c in found.comparisons] == [
        ("first", "A", "B"), ("first", "C", "B"), ("second", "A", "C"),
    ]  # fmt: skip
    better, equal, second = (c.test for c in found.comparisons)
    assert (better.p, better.adjusted, better.smallest_adjusted) == (2 / 128, 4 / 128, 4 / 128)
    assert (equal.p, equal.adjusted, equal.smallest) == (1.0, 1.0, 2 / 64)  # 6 pairs: one run diverged
    assert (second.p, second.adjusted, second.family_size) == (2 / 64, 2 / 64, 1)
    assert list(found.families) == ["first", "second"]


def test_diverged_runs_are_counted_on_both_sides() -> None:
    found = summarise_ablation(EXAMPLE, INFO).comparisons
    assert [(c.diverged, c.base_diverged, c.estimate.n) for c in found] == [(0, 0, 7), (1, 0, 6), (0, 1, 6)]


def test_the_probability_of_improvement_counts_a_tie_half_and_has_wilsons_interval() -> None:
    better, equal, _ = summarise_ablation(EXAMPLE, INFO).comparisons
    assert (better.improvement.mean, equal.improvement.mean) == (1.0, 0.5)
    # Wilson at 7 of 7: 7 / (7 + z^2)
    assert better.improvement.low == pytest.approx(7 / (7 + 1.959964**2), rel=1e-5)
    assert better.improvement.high == pytest.approx(1.0)


def test_tasks_that_differ_by_the_same_in_every_arm_leave_all_noise_to_the_seeds() -> None:
    better = summarise_ablation(EXAMPLE, INFO).comparisons[0]
    assert better.bootstrap is not None
    assert better.bootstrap.low < better.estimate.mean < better.bootstrap.high
    loud = runs("A", [0.5 + 0.01 * (1 + seed) for seed in range(7)], per_task=(-0.03, 0.03))
    noise = summarise_ablation([*loud, *BASE], INFO).comparisons[0].noise
    assert noise is not None
    # Differences of the two tasks: -+ 0.02 around each seed's mean: variance 0.0008. Means 0.01 ... 0.07: variance 0.0028 / 6.
    assert noise.task_sd**2 == pytest.approx(0.0008)
    assert noise.share == pytest.approx(1 - 0.0004 / (0.0028 / 6))


def test_without_results_per_task_or_with_other_tasks_there_is_no_bootstrap() -> None:
    bare = summarise_ablation([*runs("A", [0.6] * 3, per_task=()), *BASE], INFO).comparisons[0]
    other = summarise_ablation([*runs("A", [0.6] * 3, per_task=(0.0, 0.0, 0.0)), *BASE], INFO).comparisons[0]
    assert (bare.bootstrap, bare.noise, bare.estimate.n) == (None, None, 3)
    assert (other.bootstrap, other.noise) == (None, None)


def test_a_comparison_whose_arm_has_no_run_yet_stands_there_without_pairs() -> None:
    found = summarise_ablation(runs("B", [0.5]), INFO).comparisons[0]
    assert (found.arm, found.estimate.n, found.test.p, found.improvement.n) == ("A", 0, None, 0)
