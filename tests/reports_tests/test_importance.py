"""Permutation importance against scikit-learn's; which trials it comes from, and when it ranks nothing."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from sklearn.ensemble import RandomForestRegressor
from sklearn.inspection import permutation_importance

from reports.document import compose
from reports.records import StudyInfo
from reports.statistics.distributions import distribution, value_of
from reports.statistics.importance import Importance, _losses, _shares, early_importance, parameter_importance
from reports.statistics.summary import Search, summarise_search

from . import example


def test_shuffled_copies_predicted_together_rank_as_scikit_learns_one_by_one() -> None:
    draw = np.random.default_rng(0)
    x = draw.random((80, 4))
    y = 3 * x[:, 0] + 2 * x[:, 1] + 0.1 * draw.normal(size=80)  # shares about 0.7 and 0.3
    forest = RandomForestRegressor(50, random_state=0).fit(x, y)
    theirs = permutation_importance(forest, x, y, n_repeats=50, random_state=0).importances_mean
    ours = _shares(np.mean([_losses(forest, x, y, seed) for seed in range(6)], axis=0).tolist())
    assert ours == pytest.approx(_shares(theirs.tolist()), abs=0.02)
    assert ours[0] > 0.6
    assert 0.2 < ours[1] < 0.4


def searched(trials: int, complete: int) -> Search:
    """Return a search whose accuracy after 2 epochs follows outer.lr; the first `complete` go on to epoch 10, where all are alike."""
    runs = []
    for i in range(trials):
        rate = (i * 7 % trials + 1) / trials
        whole = i < complete
        curve = [(1, 0.1), (2, 0.2 + 0.5 * rate)] + [(10, 0.9)] * whole
        params = {"outer.lr": str(rate), "inner.steps": str(1 + i % 3)}
        state = "complete" if whole else "pruned"
        runs.append(example.record(i, state, kind="search", params=params, curves={"val_accuracy": curve}))
    return summarise_search(runs, StudyInfo("s", "search", searched=("outer.lr", "inner.steps")))


def test_pruned_trials_count_in_the_importance_after_the_last_epoch_that_all_reached() -> None:
    search = searched(30, 4)
    assert not parameter_importance(search).parameters  # 4 complete trials are too few
    found = early_importance(search)
    assert found is not None
    assert (found.epoch, found.n_trials, found.parameters[0].name) == (2, 30, "outer.lr")
    assert found.parameters[0].forest > 0.9
    assert found.forest_r2 is not None
    assert found.forest_r2 > 0.8
    headline = "\n".join(
        compose([run for trial in search.trials for run in trial.records], StudyInfo("s", "search")).headline
    )
    assert "over the 30 trials after epoch 2" in headline


def test_without_pruned_trials_or_with_too_few_trials_there_is_no_early_importance() -> None:
    assert early_importance(searched(30, 30)) is None
    assert early_importance(searched(7, 2)) is None


def test_a_forest_worse_than_the_mean_ranks_nothing_in_the_headline() -> None:
    draw = np.random.default_rng(0)
    runs = [
        example.record(i, accuracy=0.5 + 0.1 * draw.random(), kind="search", params={"outer.lr": str(draw.random())})
        for i in range(12)
    ]
    headline = compose(runs, StudyInfo("s", "search")).headline
    assert (
        "What mattered cannot be told from the 12 complete trials: the forest predicts them worse than their mean does."
        in headline
    )


def a_rate_and_a_whole_number(space: Mapping[str, Mapping[str, Any]]) -> Importance:
    """Return the importance in 60 trials whose value follows x alone; k is 3 in the best, and mostly 3 elsewhere."""
    draw = np.random.default_rng(1)
    runs = []
    for i in range(60):
        x = float(draw.random())
        k = 3 if x > 0.9 else int(draw.choice([1, 2, 3, 3, 3, 3]))
        params = {"x": str(x), "k": str(k)}
        runs.append(example.record(i, accuracy=0.5 + 0.4 * x, kind="search", params=params))
    return parameter_importance(summarise_search(runs, StudyInfo("s", "search", searched=("x", "k"), space=space)))


@pytest.mark.parametrize(
    "space", [{"x": {"low": 0.0, "high": 1.0}, "k": {"low": 1, "high": 3}}, {}], ids=["recorded", "not recorded"]
)
def test_a_whole_number_that_is_often_the_same_matters_little_to_ped_anova(
    space: Mapping[str, Mapping[str, Any]],
) -> None:
    shares = {parameter.name: parameter.ped_anova for parameter in a_rate_and_a_whole_number(space).parameters}
    assert shares["k"] == pytest.approx(0.014, abs=0.002)  # as a float: 0.15
    assert shares["x"] == pytest.approx(1 - shares["k"])


@pytest.mark.parametrize(
    ("texts", "dimension", "expected"),
    [
        (["1", "3"], {"low": 1, "high": 8}, IntDistribution(1, 8)),
        (["1", "64"], {"low": 1, "high": 64, "log": True}, IntDistribution(1, 64, log=True)),
        (["2", "6"], {"low": 2, "high": 10, "step": 4}, IntDistribution(2, 10, step=4)),
        (["0.1", "0.2"], {"low": 1e-3, "high": 1.0, "log": True}, FloatDistribution(1e-3, 1.0, log=True)),
        (["0.1", "0.3"], {"low": 0.1, "high": 0.5, "step": 0.2}, FloatDistribution(0.1, 0.5, step=0.2)),
        (["64", "16"], {"choices": [64, 32, 16]}, CategoricalDistribution((64, 32, 16))),
        (["on", "off"], {"choices": ["on", "off"]}, CategoricalDistribution(("on", "off"))),
        (["True", "False"], {"choices": [True, False]}, CategoricalDistribution((True, False))),
        (["1", "9"], {"low": 1, "high": 3}, IntDistribution(1, 9)),  # 9 was enqueued: what is recorded does not hold it
        (["1", "40"], None, IntDistribution(1, 40, log=True)),
        (["0.1", "0.2"], None, FloatDistribution(0.1, 0.2)),
        (["1", "off"], None, CategoricalDistribution(("1", "off"))),
        (["1", "3"], {"low": 1}, IntDistribution(1, 3)),  # written by hand
    ],
)
def test_a_parameter_has_the_distribution_that_its_search_drew_it_from(
    texts: list[str], dimension: Mapping[str, Any] | None, expected: BaseDistribution
) -> None:
    found = distribution(texts, dimension)
    assert found == expected
    assert [str(value_of(text, found)) for text in texts] == texts


def test_a_choice_of_numbers_that_was_logged_in_another_spelling_is_found() -> None:
    found = distribution(["0.9", "1.0"], {"choices": [0.9, 1]})
    assert found == CategoricalDistribution((0.9, 1))
    assert value_of("1.0", found) == 1
