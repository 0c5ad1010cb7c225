"""Full factorials of two and three factors by hand; Shapley's parts by their definition."""

import math
import statistics
from itertools import permutations

import numpy as np
import pytest

from reports.records import Factorial, StudyInfo, Sweep
from reports.statistics.factorial import factorial_effects
from reports.statistics.summary import summarise_ablation

from .example import record

TWO = Factorial(("A", "B"), {"none": (), "a": ("A",), "b": ("B",), "ab": ("A", "B")})
THREE = Factorial(
    ("A", "B", "C"),
    {"".join(on) or "none": on for on in [(), *"ABC", ("A", "B"), ("A", "C"), ("B", "C"), tuple("ABC")]},
)


def cells(values: dict[str, list[float]]) -> dict[str, dict[int, float]]:
    return {arm: dict(enumerate(row)) for arm, row in values.items()}


def noisy(design: Factorial, seeds: int = 5) -> dict[str, dict[int, float]]:
    generator = np.random.default_rng(8)
    effect = {"A": 0.03, "B": 0.01, "C": -0.02}
    return {
        arm: {
            s: (
                0.5
                + 0.02 * s
                + sum(effect[f] for f in on)
                + 0.04 * ("A" in on and "B" in on)
                + generator.normal(0, 0.01)
            )
            for s in range(seeds)
        }
        for arm, on in design.arms.items()
    }


def test_two_factors_by_hand() -> None:
    found = factorial_effects(TWO, cells({"none": [1, 2], "a": [2, 3], "b": [3, 4], "ab": [8, 9]}))
    means = {effect.factors: effect.estimate.mean for effect in found.effects}
    # A: (2 + 8) / 2 - (1 + 3) / 2; B: (3 + 8) / 2 - (1 + 2) / 2; both: ((8 - 3) - (2 - 1)) / 2. Nothing is left as
    # noise.
    assert means == {("A",): pytest.approx(3), ("B",): pytest.approx(4), ("A", "B"): pytest.approx(2)}
    assert [effect.estimate.low for effect in found.effects] == [None] * 3  # both seeds say the same
    # A first: 1, then B: 6; B first: 2, then A: 5.
    assert {f: e.mean for f, e in found.shapley.items()} == {"A": pytest.approx(3), "B": pytest.approx(4)}
    assert (found.gain.mean, found.gain.n, found.missing) == (7, 2, 0)


def test_an_effect_s_interval_is_student_t_over_each_seed_s_own_contrast() -> None:
    values = noisy(THREE)
    del values["AB"][1], values["C"][3]
    found = factorial_effects(THREE, values)
    assert (found.missing, found.complete_seeds) == (2, (0, 2, 4))
    for effect in found.effects:
        signs = {arm: math.prod(1 if f in on else -1 for f in effect.factors) for arm, on in THREE.arms.items()}
        own = [sum(sign * values[arm][seed] for arm, sign in signs.items()) / 4 for seed in (0, 2, 4)]
        mean, sd = statistics.fmean(own), statistics.stdev(own)
        half = 4.302652729749464 * sd / math.sqrt(3)  # t(0.975, 2)
        e = effect.estimate
        assert (e.mean, e.low, e.high, e.n) == pytest.approx((mean, mean - half, mean + half, 3))


@pytest.mark.parametrize("varies", [0.0, 1.0, 2.0])
def test_intervals_of_effects_cover_the_truth_also_where_an_effect_varies_from_seed_to_seed(varies: float) -> None:
    draw = np.random.default_rng(6)
    covered = 0
    for _ in range(300):
        own = 0.03 + varies * 0.01 * draw.normal(size=6)
        values = {
            arm: {s: 0.5 + own[s] * ("A" in on) + 0.01 * draw.normal() for s in range(6)}
            for arm, on in THREE.arms.items()
        }
        found = factorial_effects(THREE, values).effects[0].estimate
        assert found.low is not None
        assert found.high is not None
        covered += found.low < 0.03 < found.high
    assert covered / 300 > 0.91  # 95 % less three standard errors; with pooled residuals 80 % in the last case


def test_shapleys_parts_are_means_over_all_orders_and_sum_to_the_gain() -> None:
    values = noisy(THREE)
    by_factors = {frozenset(on): values[arm] for arm, on in THREE.arms.items()}
    found = factorial_effects(THREE, values)
    for factor in "ABC":
        steps = [
            by_factors[frozenset({*order[: order.index(factor)], factor})][0]
            - by_factors[frozenset(order[: order.index(factor)])][0]
            for order in permutations("ABC")
        ]  # fmt: skip
        one = factorial_effects(THREE, {arm: {0: row[0]} for arm, row in values.items()})
        assert one.shapley[factor].mean == pytest.approx(sum(steps) / 6)
    assert sum(part.mean for part in found.shapley.values()) == pytest.approx(found.gain.mean)
    assert all(part.low is not None and part.n == 5 for part in found.shapley.values())


def test_an_arm_that_is_missing_everywhere_leaves_no_split_but_effects_of_three_factors() -> None:
    values = noisy(THREE)
    del values["A"]
    found = factorial_effects(THREE, values)
    assert (found.gain.n, found.complete_seeds, found.missing) == (0, (), 5)
    assert all(math.isnan(part.mean) for part in found.shapley.values())
    assert len(found.effects) == 6
    assert [(effect.estimate.low, effect.estimate.n) for effect in found.effects] == [(None, 0)] * 6
    assert found.effects[1].estimate.mean == pytest.approx(0.01, abs=0.03)
    two = factorial_effects(TWO, {"none": {0: 1.0}, "a": {0: 2.0}})
    assert two.effects == ()
    assert factorial_effects(TWO, {}).effects == ()


def test_a_report_of_a_factorial_has_its_effects_and_one_of_a_sweep_its_curve_by_value() -> None:
    rows = [
        record(10 * i + s, accuracy=0.5 + 0.1 * i, arm=arm, seed=s) for i, arm in enumerate(TWO.arms) for s in (0, 1)
    ]
    (design,) = summarise_ablation(rows, StudyInfo("s", "ablation", factorial=TWO)).designs
    found = design.factorial
    assert found is not None
    assert found.gain.mean == pytest.approx(0.3)
    sweep = Sweep("inner.steps", {"b": 5, "a": 1, "none": 3})
    (design,) = summarise_ablation(rows, StudyInfo("s", "ablation", sweep=sweep)).designs
    curve = design.sweep
    assert curve is not None
    assert [(p.value, p.estimate.n, round(p.estimate.mean, 9)) for p in curve.points] == [
        (1, 2, 0.6),
        (3, 2, 0.5),
        (5, 2, 0.7),
    ]
