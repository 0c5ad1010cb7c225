"""The best of a search: expected of a random one, so far of any other."""

import dataclasses
import math
from itertools import combinations

import numpy as np
import pytest

from reports.document import compose
from reports.records import RunRecord
from reports.statistics.expected_best import best_so_far, expected_best, independent_trials
from reports.statistics.summary import summarise_search

from . import example

RANDOM = dataclasses.replace(example.SEARCH, spec='[study]\nname = "s"\n[sampler]\nname = "random"\n')


def test_the_expected_best_of_n_is_the_mean_over_all_subsets_of_n() -> None:
    values = [0.4, 0.8, 0.5, 0.45, 0.7]
    found = expected_best(values)
    assert found.trials == (1, 2, 3, 4, 5)
    every = [list(combinations(values, n)) for n in found.trials]
    assert found.mean == pytest.approx([sum(map(max, subsets)) / len(subsets) for subsets in every])
    assert all(low <= mean <= high for low, mean, high in zip(found.low, found.mean, found.high, strict=True))


def test_the_band_of_one_trial_by_hand() -> None:
    # Two values, reach sqrt(ln 40 / 4) = 0.96: the distribution function lies in [0, 0.96] before 0.4, [0, 1] before
    # 0.8, [0.04, 1] after.
    found = expected_best([0.4, 0.8])
    reach = math.sqrt(math.log(40) / 4)
    assert found.low[0] == pytest.approx(1 - (0.4 * reach + 0.4 + 0.2))
    assert found.high[0] == pytest.approx(1 - 0.2 * (1 - reach))


def test_the_estimate_is_unbiased_and_the_band_holds_the_whole_curve_in_95_of_100_searches() -> None:
    draw, budgets = np.random.default_rng(0), np.arange(1, 13)
    truth = budgets / (budgets + 1)  # of uniform values
    curves = [expected_best(draw.random(12).tolist()) for _ in range(400)]
    assert np.mean([curve.mean for curve in curves], axis=0) == pytest.approx(truth, abs=0.012)
    held = [all(low <= t <= high for low, t, high in zip(c.low, truth, c.high, strict=True)) for c in curves]
    assert np.mean(held) >= 0.93


def test_many_trials_take_no_overflow() -> None:
    found = expected_best([i / 3000 for i in range(3000)])
    assert len(found.trials) == 200
    assert found.mean[-1] == pytest.approx(2999 / 3000)


def complete(trials: int = 9) -> list[RunRecord]:
    """Trials of which number 0 is a preset; each took the compute of its number and one."""
    return [
        dataclasses.replace(run, state="complete", metrics={**run.metrics, "work": 1.0 + n})
        for n, run in enumerate(example.search(trials))
        if run.state == "complete"
    ]


def test_only_trials_drawn_at_random_and_never_stopped_are_independent() -> None:
    runs = complete()
    assert {t.number for t in independent_trials(summarise_search(runs, RANDOM), RANDOM)} == {r.trial for r in runs} - {
        0
    }
    tpe = dataclasses.replace(RANDOM, spec='[sampler]\nname = "tpe"\n')
    former = dataclasses.replace(
        RANDOM, spec='[study]\nenqueue = [{ study = "a", best = 2 }]\n[sampler]\nname = "random"\n'
    )
    for info in (tpe, former, example.SEARCH, dataclasses.replace(RANDOM, spec="not [toml")):
        assert independent_trials(summarise_search(runs, info), info) == ()
    assert independent_trials(summarise_search(example.search(), RANDOM), RANDOM) == ()  # trials were pruned


def test_the_best_so_far_rises_with_the_compute_of_all_trials() -> None:
    runs = [
        dataclasses.replace(
            example.record(n, state, value, kind="search"), metrics={"best_val_accuracy": value, "work": work}
        )
        for n, (state, value, work) in enumerate(
            [("complete", 0.5, 1.0), ("pruned", 0.9, 0.25), ("complete", 0.4, 2.0), ("complete", 0.7, 1.5)]
        )
    ]
    assert best_so_far(summarise_search(runs, example.SEARCH)) == [(1.0, 0.5), (4.75, 0.7), (4.75, 0.7)]
    unknown = [dataclasses.replace(runs[0], metrics={"best_val_accuracy": 0.5}), *runs[1:]]
    assert best_so_far(summarise_search(unknown, example.SEARCH)) == []


def test_a_report_draws_the_one_or_the_other() -> None:
    for info, figure in ((RANDOM, "expected_best"), (example.SEARCH, "best_so_far")):
        assert [f.name for f in compose(complete(), info).figures if f.name in ("expected_best", "best_so_far")] == [
            figure
        ]
