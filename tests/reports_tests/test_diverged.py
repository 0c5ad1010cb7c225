"""Arms whose runs diverged or failed: counted, tested by signed ranks, and not named best without saying so."""

import numpy as np
import pytest

from reports.document import compose
from reports.records import Family, RunRecord, StudyInfo
from reports.statistics.divergence import divergence, signed_ranks
from reports.statistics.permutation import sign_flip_p
from reports.statistics.summary import summarise_ablation

from .example import record

INFO = StudyInfo("s", "ablation", families=(Family("against base", (("arm", "base"),)),))
LOST = {"diverged", "failed"}


def runs(arm: str, outcomes: list[float | str]) -> list[RunRecord]:
    """A run a seed: its accuracy, or the state that it ended in."""
    start = 100 * ord(arm[0])
    return [
        record(start + seed, str(one), None, arm=arm, seed=seed) if isinstance(one, str)
        else record(start + seed, accuracy=one, arm=arm, seed=seed)
        for seed, one in enumerate(outcomes)
    ]  # fmt: skip


BASE = runs("base", [0.88 + 0.001 * seed for seed in range(16)])
HALF = runs("arm", [0.9 + 0.002 * seed if seed % 2 else "diverged" for seed in range(16)])


def test_half_of_the_runs_diverged_and_the_arm_is_neither_bold_nor_the_headline_s_best() -> None:
    report = compose([*BASE, *HALF], INFO)
    table = next(table for table in report.tables if table.title == "Against base")
    base, arm = table.rows
    assert [cell.best for row in (base, arm) for cell in row if cell.best] == [True]
    assert base[2].best
    assert arm[1].text == "8 (8 of 16 diverged)"
    headline = "\n".join(report.headline)
    assert "base has the highest mean test accuracy, 88.75 % [" in headline
    assert "arm: higher when it finishes, 91.60 % [" in headline
    assert "over 8 seeds; 8 of 16 diverged." in headline
    assert headline.startswith(
        "Undecided: arm. Its 95 % interval reaches from +2.39 to +3.21 points, of those that finished."
    )
    assert (
        "0 of 1 comparison is significant: sign-flip tests paired by seed (step-down maxT; signed ranks where runs"
        " diverged) keep the chance of any false finding to at most 5 %."
    ) in headline
    assert report.tables[0].rows[1][-1].text.endswith("; diverged 8 of 16")
    assert (
        "Runs excluded from means: arm 8 of 16 diverged. Means and differences are over the runs that finished."
        in table.notes
    )


def test_survivors_alone_would_be_significant_and_signed_ranks_are_not() -> None:
    found = summarise_ablation([*BASE, *HALF], INFO).comparisons[0]
    assert sign_flip_p(list(found.differences.values())) == 2 / 2**8
    # The eight that finished have the ranks 1 to 8, upward; the eight that diverged share 9 to 16, which is 12.5 each,
    # downward.
    expected = sign_flip_p([*range(1, 9), *[-12.5] * 8])
    assert found.test.adjusted == found.test.p == expected
    assert expected > 0.05
    assert (found.test.ranks, found.estimate.n, found.diverged, found.survivors) == (True, 8, 8, True)


def test_a_diverged_seed_has_the_largest_rank_and_both_diverged_have_none() -> None:
    ablation = summarise_ablation(
        [
            *runs("arm", ["diverged", "diverged", 0.9, 0.7, 0.8, "failed"]),
            *runs("base", [0.8, "diverged", "diverged", 0.6, 0.9, 0.5]),
        ],
        INFO,
    )
    arm, base = ablation.arm("arm"), ablation.arm("base")
    # Seeds 3 and 4 differ by 10 points each and share the ranks 1 and 2; seeds 0 and 2 share 3 and 4.
    assert signed_ranks([arm], [base]) == {0: -3.5, 1: 0.0, 2: 3.5, 3: 1.5, 4: -1.5}
    assert (arm.lost, base.lost) == ("2 of 5 diverged, 1 failed", "2 of 6 diverged")


def test_shares_have_clopper_and_pearsons_interval_and_mcnemar_counts_the_seeds_that_tell_the_arms_apart() -> None:
    ablation = summarise_ablation([*BASE, *HALF], INFO)
    found = divergence(ablation.arm("arm"), ablation.arm("base"))
    assert (found.share.mean, found.share.n, found.diverged) == (0.5, 16, 8)
    assert (found.share.low, found.share.high) == pytest.approx((0.24651, 0.75349), abs=1e-5)
    assert found.p == 2 / 2**8  # eight seeds tell them apart, all against the arm
    table = next(table for table in compose([*BASE, *HALF], INFO).tables if table.title == "Runs that diverged")
    assert ["arm", "16", "8", "50", "[25, 75]", "base", "0.0078"] in [[cell.text for cell in row] for row in table.rows]
    whole = compose(BASE, INFO).tables
    assert "Runs that diverged" not in [table.title for table in whole]


def test_failed_runs_are_missing_counted_and_not_best() -> None:
    arm = runs("arm", [*[0.95] * 5, "failed", "out_of_memory", "failed"])
    report = compose([*BASE[:8], *arm], INFO)
    table = next(table for table in report.tables if table.title == "Against base")
    assert [column.title for column in table.columns][4:6] == ["Pairs", "Base over these pairs, %"]
    assert [cell.text for cell in table.rows[1]][1] == "5 (3 failed)"
    assert [cell.text for cell in table.rows[1]][4:6] == ["5", "88.20"]  # of the base's seeds 0 to 4
    assert not any(cell.best for cell in table.rows[1])
    assert any(
        "arm: higher when it finishes, 95.00 % (no variation, no interval) over 5 seeds; 3 failed." in text
        for text in report.headline
    )
    assert any(
        "With 5 pairs in each it cannot fall below 0.062, so nothing here can be significant" in note
        for note in table.notes
    )


def test_while_runs_are_under_way_nothing_counts_as_lost() -> None:
    found = summarise_ablation([*BASE[:3], *runs("arm", [0.9, "running", "waiting"])], INFO)
    assert found.arm("arm").whole


@pytest.mark.slow
def test_the_rank_test_holds_its_level_where_a_run_in_six_diverges() -> None:
    draw = np.random.default_rng(0)
    wrong = 0
    for _ in range(400):
        ours, theirs = (draw.normal(0.9, 0.02, 8) for _ in range(2))
        lost = draw.random((2, 8)) < 1 / 6
        sides = [
            ["diverged" if gone else float(x) for x, gone in zip(side, own, strict=True)]
            for side, own in zip((ours, theirs), lost, strict=True)
        ]
        ablation = summarise_ablation([*runs("arm", sides[0]), *runs("base", sides[1])], INFO)
        wrong += ablation.comparisons[0].test.significant
    assert wrong / 400 < 0.085  # 5 % and three standard errors
