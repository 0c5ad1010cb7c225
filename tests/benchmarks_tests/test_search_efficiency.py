"""The search-efficiency study: its statistics by hand, its page, and its searches with the stand-in's speed."""

import math
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from benchmarks.search_efficiency import SPEC, TRIALS, study_of, write_portfolio
from benchmarks.search_efficiency_page import write_page
from benchmarks.search_efficiency_statistics import Curve, compute_to_reach, curve_of, expected_random, ratio
from reports.records import RunRecord
from study.stores.home import Home
from study.warm_start import warm_started


def search(*trials: tuple[float, float, bool]) -> Curve:
    """Return the curve of trials (work, value, whether complete)."""
    return curve_of([
        RunRecord(
            str(i), "1", "s", "search", "", None, 0, i, "complete" if complete else "pruned", "",
            metrics={"work": work, "best_val_accuracy": value},
        )
        for i, (work, value, complete) in enumerate(trials)
    ])  # fmt: skip


RESULTS = Path(__file__).resolve().parents[2] / "docs" / "results"
RANDOM = search((1.0, 0.2, True), (1.0, 0.6, True), (2.0, 0.4, True))
PRUNED = search((1.0, 0.5, True), (0.2, 0.9, False), (0.8, 0.7, True))


def test_a_curve_counts_the_work_of_all_trials_and_the_values_of_complete_ones() -> None:
    assert Curve((1.0, 2.0, 4.0), (0.2, 0.6, 0.6), 4.0, (0.2, 0.6, 0.4), 3) == RANDOM
    assert Curve((1.0, 2.0), (0.5, 0.7), 2.0, (0.5, 0.7), 3) == PRUNED
    assert [PRUNED.at(work) for work in (0.9, 1.0, 1.9, 2.0)] == [0.0, 0.5, 0.5, 0.7]


def test_the_best_of_random_order_is_expected_over_all_subsets() -> None:
    """Of 0.2, 0.4, 0.6: one 0.4, two (0.4 + 0.6 + 0.6) / 3, three 0.6; a trial takes 4 / 3."""
    found = expected_random(RANDOM)
    assert [work for work, _ in found] == pytest.approx([4 / 3, 8 / 3, 4])
    assert found[0][1] == pytest.approx(0.4)
    assert [best for _, best in found[1:]] == pytest.approx([1.6 / 3, 0.6])


def test_the_ratio_is_the_work_at_which_the_mean_best_reaches_the_others_best() -> None:
    """Random's best is 0.6 after 4. The pruned search has 0.5 after 1 and 0.7 after 2."""
    assert compute_to_reach([PRUNED], 0.6) == 2.0
    assert ratio([PRUNED], [RANDOM]).value == 0.5
    found = ratio([PRUNED, RANDOM], [RANDOM, RANDOM])
    assert (found.value, found.n) == (0.5, 2)
    assert found.target == pytest.approx(0.6)
    assert (found.low, found.high) == (0.5, 0.5)  # of each alone, too, 2 of 4
    assert math.isinf(ratio([search((1.0, 0.5, True))], [RANDOM]).value)


def test_the_page_gives_its_verdict_after_all_repetitions_and_no_interval_after_one(tmp_path: Path) -> None:
    def curves(count: int) -> dict[str, list[Curve]]:
        own = replace(PRUNED, held_out=0.65)
        scored = [own] * (count - 1) + [replace(own, held_out=0.6)] * bool(count)
        return {
            "random": [RANDOM] * count, "tpe": [replace(RANDOM, held_out=0.6)] * count, "halving": scored,
            "default": [PRUNED] * count,
        }  # fmt: skip

    text = write_page({"glyphs": curves(5), "omniglot": curves(1), "none": curves(0)}, SPEC, TRIALS, tmp_path)
    needs = "The default needs 0.50 [0.50, 0.50] of random's compute"
    assert f"{needs}: the aim of 0.20 is missed, and the upper end is not below 0.40." in text
    alone = "| default without portfolio | 5 | 0.50 | 2.0 of 3 | 70.00 | 50.00 | 0.50 [0.50, 0.50] |"
    assert f"{alone} 64.00 | +4.00 [+1.22, +6.78] |" in text  # 4 of 5 are 5 points better: 4 ∓ 2.776 * 1
    assert "| default with the other problems' portfolio | 5 | 0.50 | 2.0 of 3 | 70.00 | 50.00 | 0.50 [0.50" in text
    assert (
        "So far 1 of 5 repetitions are done: the default needs 0.50 (n = 1, no interval) of random's compute." in text
    )
    assert "## none\n\nNot run yet." in text
    assert (tmp_path / "search_repetitions.md").read_text() == text
    assert "<svg" in (tmp_path / "search-repetitions.svg").read_text()


def test_the_default_is_what_a_spec_without_sampler_and_pruner_gives_and_nothing_is_enqueued() -> None:
    random, default = study_of("glyphs", "random", 2), study_of("glyphs", "halving", 2)
    assert random.sampler and default.sampler and random.pruner and default.pruner  # noqa: PT018
    assert (random.sampler.name, random.pruner.name) == ("random", "none")
    assert (default.sampler.name, default.pruner.name) == ("tpe", "successive_halving")
    assert (random.seeds, random.enqueued, random.budget.trials) == ((2,), {}, 30)


def test_the_portfolio_is_that_of_the_other_problems_and_is_tried_first(tmp_path: Path) -> None:
    """Configs 0, 9, 112 and 86 are chosen without Omniglot, 49 in place of 86 without the letters."""
    home = Home(tmp_path)
    for problem, outer in (("omniglot", "0.0011"), ("glyphs", "0.0022")):
        file = write_portfolio(problem, RESULTS / "curves", tmp_path)
        config = warm_started(study_of(problem, "default", 0, file), home)
        rates = [f"{params['outer.lr']:.4f}" for params in config.enqueued.values()]
        assert rates == ["0.0055", "0.0008", "0.0009", outer]


@pytest.mark.parametrize("problem", ["glyphs", "omniglot"])
def test_the_published_page_follows_from_the_published_trials(problem: str) -> None:
    """The mean best over 5 searches first reaches random search's after the ratio times random's compute. Of the five
    best trials, the one with the best held-out accuracy is ranked first.
    """
    table = pd.read_parquet(RESULTS / "search_repetitions.parquet")
    trials = table[table["problem"] == problem].copy()
    search = ["method", "repetition"]
    trials["spent"] = trials.groupby(search)["compute"].cumsum()
    whole = trials.groupby(search)["spent"].max()
    ended = trials[trials["state"] == "complete"].copy()
    ended["best"] = ended.groupby(search)["val_accuracy"].cummax()
    best = ended.pivot_table(index="spent", columns=search, values="best").ffill().fillna(0.0)
    means = pd.DataFrame(best["default"]).mean(axis=1)
    reached = float(means.index[means >= best["random"].iloc[-1].mean()].min())
    text = (RESULTS / "search_repetitions.md").read_text(encoding="utf-8").split(f"## {problem}")[1]
    assert f"The default needs {reached / whole['random'].mean():.2f} [" in text
    row = next(row for row in text.splitlines() if row.startswith("| default with "))
    assert f"| 5 | {whole['default'].mean() / whole['random'].mean():.2f} |" in row
    assert f"| {100 * best['default'].iloc[-1].mean():.2f} |" in row
    ranked = ended.sort_values(["val_accuracy", "trial"], ascending=[False, True]).groupby(search).head(5)
    first = ranked.groupby(search)["held_out_accuracy"].max()
    assert f"| {100 * first['default'].mean():.2f} | " in row
    above = f"{100 * (first['default'] - first['tpe']).mean():+.2f}".replace("-", "−")
    assert f"| {above} [" in row
