"""Numbers of docs/results/README.md, computed again from the raw results with scipy alone."""

from __future__ import annotations

import itertools
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

RESULTS = Path(__file__).parents[2] / "docs" / "results"
PAPER = {"MAML": 0.0, "MSL": 0.26, "DA": 1.03, "CA": 1.76, "BNWB": 4.08, "LSLR": 4.50, "MAML++": 6.38}
"""Gains over MAML in points: Antoniou et al. 2019, table 1, 20-way 1-shot."""


@cache
def accuracies(study: str) -> pd.DataFrame:
    """Return test accuracies in percent, a row a seed, a column an arm."""
    runs = pd.read_csv(RESULTS / study / "runs.csv")
    return runs.pivot_table(index="seed", columns="arm", values="metric:test_accuracy") * 100


def t_interval(values: Any, level: float = 0.95) -> tuple[float, float, float]:
    found = stats.ttest_1samp(values, 0).confidence_interval(level)
    return float(np.mean(values)), found.low, found.high


def signed(values: tuple[float, float, float]) -> str:
    mean, low, high = (f"{value:+.2f}".replace("-", "−") for value in values)
    return f"{mean} [{low}, {high}]"


def gain(study: str, arm: str, base: str) -> str:
    table = accuracies(study)
    return signed(t_interval(table[arm] - table[base]))


def test_differences_are_those_of_paired_t_intervals() -> None:
    page = (RESULTS / "README.md").read_text()
    for arm in ("MAML + MSL", "MAML + DA", "MAML + CA", "MAML + BNWB", "MAML + LSLR", "MAML++"):
        assert gain("ablation", arm, "MAML") in page, arm
    for part in ("MSL", "DA", "CA", "BNWB", "LSLR"):
        assert gain("ablation", f"MAML++ without {part}", "MAML++") in page, part
    for steps in (1, 2, 4, 5):
        assert gain("inner_steps", f"inner.steps = {steps}", "inner.steps = 3") in page, steps
    assert gain("stability", "MAML++", "MAML") in page
    assert gain("released", "MAML++", "MAML") in page
    assert gain("released", "MAML++ without DA", "MAML++") in page
    assert gain("released", "MAML + CA", "MAML") in page


def test_effects_after_80_epochs_are_those_of_paired_t_intervals() -> None:
    page, table = (RESULTS / "README.md").read_text(), accuracies("length_80").dropna()
    assert list(table.index) == [0, 1, 8]
    pairs = [("MAML + LSLR", "MAML"), ("MAML + CA", "MAML"), ("MAML++", "MAML")]
    pairs += [("MAML++ without CA", "MAML++"), ("MAML++ without DA", "MAML++")]
    for arm, base in pairs:
        assert f"| {signed(t_interval(table[arm] - table[base]))} |" in page, arm


def test_both_machines_together_are_the_mean_by_seed() -> None:
    first, second = ((table["MAML++"] - table["MAML"]) for table in map(accuracies, ("ablation", "released")))
    assert f"by seed, {signed(t_interval((first + second) / 2))}" in (RESULTS / "README.md").read_text()


def test_what_lslr_takes_from_the_error_rate() -> None:
    table, page = accuracies("ablation"), (RESULTS / "README.md").read_text()
    share, low, high = t_interval(1 - (100 - table["MAML + LSLR"]) / (100 - table["MAML"]))
    assert f"ours is {share:.0%} [{low * 100:.0f}, {high * 100:.0f}]".replace("%", " %") in page
    maml, lslr = 91.27, 95.77  # table 1 of the paper
    assert f"the paper's {(lslr - maml) / (100 - maml):.0%}".replace("%", " %") in page


def test_how_accuracy_follows_the_number_of_inner_steps() -> None:
    table, page = accuracies("inner_steps"), (RESULTS / "README.md").read_text()
    columns = [f"inner.steps = {steps}" for steps in range(1, 6)]
    slopes = [stats.linregress(range(1, 6), row).slope for row in table[columns].to_numpy()]
    assert f"rises by {signed(t_interval(slopes))}\npoints a step" in page
    margins = []
    for steps in (2, 4, 5):
        _, low, high = t_interval(table[f"inner.steps = {steps}"] - table["inner.steps = 3"], 0.90)
        margins.append(f"{max(-low, high):.1f}")
    assert f"within margins of {margins[0]}, {margins[1]} and {margins[2]} points" in page


def test_how_many_random_orders_agree_with_the_paper_as_well() -> None:
    means = accuracies("ablation").mean()
    arms = [name if name.startswith("MAML") else f"MAML + {name}" for name in PAPER]
    ours, theirs = [means[arm] for arm in arms], list(PAPER.values())

    def agreement(order: Any) -> float:
        """Return pairs in the paper's order less pairs in the other; a tie is neither."""
        pairs = itertools.combinations(range(7), 2)
        return float(sum(np.sign((order[i] - order[j]).round(9)) * np.sign(theirs[i] - theirs[j]) for i, j in pairs))

    found = agreement(ours)
    assert found / 21 == pytest.approx(0.38, abs=0.005)
    share = np.mean([agreement(np.array(order)) >= found for order in itertools.permutations(range(7))])
    assert f"{share:.0%}".replace("%", " %") + " of random orders" in (RESULTS / "README.md").read_text()


def test_how_often_runs_may_diverge_of_which_none_of_16_did() -> None:
    upper = stats.binomtest(0, 16).proportion_ci(0.95, "exact").high
    assert f"up to {upper:.0%}".replace("%", " %") in (RESULTS / "README.md").read_text()


def test_how_the_spreads_of_two_arms_compare() -> None:
    table = accuracies("stability")
    one, other = table["MAML++"], table["MAML"]
    n, ratio, correlation = len(one), one.var() / other.var(), one.corr(other)
    quantile = stats.t.ppf(0.975, n - 2) ** 2
    widen = 1 + 2 * (1 - correlation**2) * quantile / (n - 2)  # Pitman 1939, Morgan 1939
    low, high = (np.sqrt(ratio * (widen + sign * np.sqrt(widen**2 - 1))) for sign in (-1, 1))
    assert f"{np.sqrt(ratio):.2f} [{low:.2f}, {high:.2f}] of MAML's" in (RESULTS / "README.md").read_text()
