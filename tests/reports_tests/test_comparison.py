"""A comparison's numbers from records: pairs, families, diverged runs, noise."""

import math
from dataclasses import replace

import numpy as np
import pytest

from reports.document import compose
from reports.records import Family, RunRecord, StudyInfo
from reports.statistics.step_down import max_t
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
    assert (better.p, better.adjusted, better.holm, better.smallest) == (2 / 128, 2 / 128, 4 / 128, 2 / 128)
    assert (equal.p, equal.adjusted, equal.smallest) == (
        1.0,
        1.0,
        2 / 128,
    )  # one run diverged: 7 signed ranks, six of them 0
    assert (second.p, second.adjusted, second.family_size) == (2 / 128, 2 / 128, 1)
    assert list(found.families) == ["first", "second"]


def test_diverged_runs_are_counted_on_both_sides() -> None:
    found = summarise_ablation(EXAMPLE, INFO).comparisons
    assert [(c.diverged, c.base_diverged, c.estimate.n) for c in found] == [(0, 0, 7), (1, 0, 6), (0, 1, 6)]


def test_the_share_of_better_seeds_counts_a_tie_half_and_has_wilsons_interval() -> None:
    better, equal, _ = summarise_ablation(EXAMPLE, INFO).comparisons
    assert (better.share_better.mean, equal.share_better.mean) == (1.0, 0.5)
    # Wilson at 7 of 7: 7 / (7 + z^2)
    assert better.share_better.low == pytest.approx(7 / (7 + 1.959964**2), rel=1e-5)
    assert better.share_better.high == pytest.approx(1.0)


def test_tasks_that_differ_by_the_same_in_every_arm_leave_all_noise_to_the_seeds() -> None:
    better = summarise_ablation(EXAMPLE, INFO).comparisons[0]
    assert better.bootstrap is not None
    assert better.bootstrap.low < better.estimate.mean < better.bootstrap.high
    loud = runs("A", [0.5 + 0.01 * (1 + seed) for seed in range(7)], per_task=(-0.03, 0.03))
    noise = summarise_ablation([*loud, *BASE], INFO).comparisons[0].noise
    assert noise is not None
    # Differences of the two tasks: -+ 0.02 around each seed's mean: variance 0.0008. Means 0.01 ... 0.07: variance
    # 0.0028 / 6.
    assert noise.task_sd**2 == pytest.approx(0.0008)
    assert noise.share == pytest.approx(1 - 0.0004 / (0.0028 / 6))


def test_without_results_per_task_or_with_other_tasks_there_is_no_bootstrap() -> None:
    bare = summarise_ablation([*runs("A", [0.6] * 3, per_task=()), *BASE], INFO).comparisons[0]
    other = summarise_ablation([*runs("A", [0.6] * 3, per_task=(0.0, 0.0, 0.0)), *BASE], INFO).comparisons[0]
    assert (bare.bootstrap, bare.noise, bare.estimate.n) == (None, None, 3)
    assert (other.bootstrap, other.noise) == (None, None)


def test_a_comparison_whose_arm_has_no_run_yet_stands_there_without_pairs() -> None:
    found = summarise_ablation(runs("B", [0.5]), INFO).comparisons[0]
    assert (found.arm, found.estimate.n, found.test.p, found.share_better.n) == ("A", 0, None, 0)


def test_eight_equal_accuracies_with_other_last_digits_are_no_difference() -> None:
    values = [0.1 * (seed + 2) for seed in range(8)]
    off = [value * (1 + 2e-16) + 1e-16 for value in values]
    assert sum(a != b for a, b in zip(off, values, strict=True)) == 8
    found = summarise_ablation([*runs("A", [*off]), *runs("B", [*values])], INFO)
    one = found.comparisons[0]
    assert (one.estimate.mean, one.estimate.low, one.estimate.excludes_zero) == (0.0, None, False)
    assert (one.test.p, one.test.adjusted, one.share_better.mean, one.bootstrap) == (1.0, 1.0, 0.5, None)
    report = compose([*runs("A", [*off]), *runs("B", [*values])], INFO)
    assert "No difference in any seed: A." in "".join(report.headline)
    assert report.tables[0].rows[1][-1].text == "no difference in any seed"
    assert one.verdict.word == "no difference"


def test_arms_of_other_seeds_are_told_to_share_seeds_not_to_run_more() -> None:
    other = [replace(run, seed=(run.seed or 0) + 20) for run in runs("A", [0.6] * 3)]
    report = compose(
        [*other, *runs("B", [0.5] * 3)], StudyInfo("s", "ablation", families=(Family("one", (("A", "B"),)),))
    )
    assert (
        "The arms that are compared have no seed in common, so there are no pairs: train them on the same seeds."
        in report.headline
    )
    table = next(table for table in report.tables if table.title == "One")
    assert "A and B have no seed in common, so there is no pair: train both on the same seeds." in table.notes


def test_a_note_counts_pairs_not_the_seeds_of_the_larger_arm() -> None:
    info = StudyInfo("s", "ablation", families=(Family("one", (("A", "B"), ("C", "B"))),))
    records = [
        *runs("A", [0.6, 0.61, 0.62, 0.6, 0.61]),
        *runs("B", [0.5 + 0.01 * s for s in range(8)]),
        *runs("C", [0.55] * 8),
    ]
    table = next(table for table in compose(records, info).tables if table.title == "One")
    assert [column.title for column in table.columns][4:6] == ["Pairs", "Base over these pairs, %"]
    assert [[cell.text for cell in row][4:6] for row in table.rows] == [["–", "–"], ["5", "52.00"], ["8", "53.50"]]
    assert any(
        "minP, because not all comparisons have the same seeds" in note
        and "With 5 to 8 pairs it cannot fall below 0.0078." in note
        for note in table.notes
    )


@pytest.mark.parametrize(
    ("tasks", "params", "said"),
    [
        ((0.0,) * 3, {}, "3 and 2 test tasks"),
        ((-0.01, 0.01), {"evaluation.test_tasks": "300"}, "evaluation.test_tasks 300 and 600"),
    ],
)
def test_arms_of_other_test_tasks_are_not_said_to_have_the_same(
    tasks: tuple[float, ...], params: dict[str, str], said: str
) -> None:
    base = [replace(run, params={"evaluation.test_tasks": "600"} if params else {}) for run in BASE]
    arm = [replace(run, params=params) for run in runs("A", [0.6, 0.61, 0.62], per_task=tasks)]
    table = next(table for table in compose([*arm, *base], INFO).tables if table.title == "First")
    assert (
        f"A and B were not tested on the same tasks ({said}), so their difference also contains task noise."
        in table.notes
    )
    assert not any("same tasks)" in note for note in table.notes)


def test_a_value_of_an_audit_that_is_not_a_number_is_left_out_and_said() -> None:
    audited = [
        replace(
            run, per_task={**run.per_task, "batch.top1": [0.5, math.nan if run.arm == "A" and run.seed == 1 else 0.6]}
        )
        for run in (*runs("A", [0.6, 0.61, 0.62]), *BASE)
    ]
    table = next(table for table in compose(audited, INFO).tables if table.title.startswith("Audit: the same"))
    assert "Left out, because a task's accuracy is not a finite number: A, seed 1 (batch, top 1)." in table.notes
    assert [row[1].text for row in table.rows] == ["7", "2"]


def test_families_adjusted_over_the_study_are_one_family() -> None:
    draw = np.random.default_rng(1)
    records = [
        run for arm in "ABC" for run in runs(arm, (0.5 + 0.02 * (arm == "A") + 0.02 * draw.normal(size=7)).tolist())
    ]
    alone = [c.test for c in summarise_ablation(records, INFO).comparisons]
    joint_info = replace(INFO, adjust="study")
    joint = [c.test for c in summarise_ablation(records, joint_info).comparisons]
    every = max_t([list(c.differences.values()) for c in summarise_ablation(records, INFO).comparisons])
    assert [test.adjusted for test in joint] == every.tolist()
    assert ([test.family_size for test in alone], [test.family_size for test in joint]) == ([2, 2, 1], [3, 3, 3])
    assert alone[2].adjusted == alone[2].p
    report = compose(records, joint_info)
    assert any("over the 3 comparisons of all tables" in note for note in report.tables[1].notes)
    assert "the chance of any false finding to at most 5 % over all of them." in "".join(report.headline)


def test_the_moderated_statistic_is_that_of_the_study_s_choice() -> None:
    draw = np.random.default_rng(2)
    records = [run for arm in "ABC" for run in runs(arm, (0.5 + 0.02 * draw.normal(size=7)).tolist())]
    found = summarise_ablation(records, replace(INFO, test="moderated")).comparisons[:2]
    table = [list(c.differences.values()) for c in found]
    assert [c.test.adjusted for c in found] == max_t(table, moderated=True).tolist()
    notes = compose(records, replace(INFO, test="moderated")).tables[1].notes
    assert any("step-down maxT, moderated by the median variance" in note for note in notes)
