"""Numbers of docs/results/README.md, computed again from the raw results with scipy."""

from __future__ import annotations

import itertools
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from reports.data.loading import from_files
from reports.statistics.summary import summarise_ablation

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


LENGTHS = ("ablation", "length_80", "length_240")
LONGER = [("MAML + LSLR", "MAML"), ("MAML + CA", "MAML"), ("MAML++", "MAML")]
LONGER += [("MAML++ without CA", "MAML++"), ("MAML++ without DA", "MAML++")]


def test_effects_at_each_length_and_with_20_ways_are_those_of_paired_t_intervals() -> None:
    page, long = (RESULTS / "README.md").read_text(), accuracies("length_80").dropna()
    assert list(long.index) == list(range(9))
    for arm, base in LONGER:
        found = [
            gain(study, arm, base) for study in ("ablation", "length_80", "twenty_way") if arm in accuracies(study)
        ]
        assert f"| {' | '.join(found)} |" in page.replace("**", ""), arm
        assert f"| {' | '.join(found[:2])} |" in (RESULTS.parents[1] / "README.md").read_text().replace("**", ""), arm


def test_how_effects_change_with_length_is_paired_by_seed() -> None:
    page, short, long = (RESULTS / "README.md").read_text(), accuracies("ablation"), accuracies("length_80")
    pairs = [("MAML + LSLR", "MAML"), ("MAML + CA", "MAML"), ("MAML++", "MAML++ without CA")]
    changes = [((long[arm] - long[base]) - (short[arm] - short[base])).dropna() for arm, base in pairs]
    assert {len(change) for change in changes} == {8}
    first, second, third = (signed(t_interval(change)) for change in changes)
    assert f"change by {first}, {second} and {third} points" in page


def test_what_ca_costs_after_240_epochs() -> None:
    page, front = ((folder / "README.md").read_text() for folder in (RESULTS, RESULTS.parents[1]))
    having = {name: accuracies(name)["MAML++"] - accuracies(name)["MAML++ without CA"] for name in LENGTHS}
    now = having["length_240"].dropna()
    assert list(now.index) == [0, 1, 2, 3, 4, 5, 6, 7]
    assert f"removing CA changes it by {signed(t_interval(-now))} points" in page
    assert f"(removing CA: {signed(t_interval(-now))})" in front
    since = [signed(t_interval((now - having[name]).dropna())) for name in LENGTHS[:2]]
    assert f"CA's effect rose by {since[0]} points" in page
    assert f"since 80 epochs by {since[1]}" in page
    means = [f"{accuracies('length_240')[arm].mean():.2f} %" for arm in ("MAML++", "MAML++ without CA")]
    assert f"MAML++ reaches {means[0]} and MAML++ without CA {means[1]}" in page


def fewer_errors(study: str, arm: str, base: str) -> str:
    table = accuracies(study)
    share, low, high = t_interval((1 - (100 - table[arm]) / (100 - table[base])).dropna())
    return f"{share:.0%} [{low * 100:.0f}, {high * 100:.0f}]".replace("%", " %")


def test_which_share_of_the_errors_an_arm_avoids() -> None:
    page = " ".join((RESULTS / "README.md").read_text().split())
    lslr = [fewer_errors(study, "MAML + LSLR", "MAML") for study in ("ablation", "length_80", "twenty_way")]
    ca = [fewer_errors(study, "MAML++ without CA", "MAML++") for study in ("ablation", "length_80")]
    assert f"LSLR removes {lslr[0]} of MAML's errors after 20 epochs and {lslr[1]} after 80" in page
    assert f"without CA, MAML++ makes {ca[0]} and {ca[1]} fewer" in page
    assert f"LSLR removes {lslr[2]} of MAML's errors" in page


def test_the_ninth_seed_decides_nothing() -> None:
    for name in ("length_80", "across_length"):
        info, records = from_files(RESULTS / name)
        found, planned = (summarise_ablation(runs, info) for runs in (records, [r for r in records if r.seed != 8]))
        assert [c.verdict.direction for c in found.comparisons] == [c.verdict.direction for c in planned.comparisons]
        assert [c.finding for c in found.changes] == [c.finding for c in planned.changes]


def test_both_machines_together_are_the_mean_by_seed() -> None:
    first, second = ((table["MAML++"] - table["MAML"]) for table in map(accuracies, ("ablation", "released")))
    assert f"by seed, {signed(t_interval((first + second) / 2))}" in (RESULTS / "README.md").read_text()


def test_what_lslr_takes_from_the_error_rate() -> None:
    page = (RESULTS / "README.md").read_text()
    assert f"ours is {fewer_errors('ablation', 'MAML + LSLR', 'MAML')}" in page
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
