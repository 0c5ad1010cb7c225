"""Permutation importance out of the bag; which trials it comes from, and when it ranks nothing."""

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
from reports.statistics.forest import SHUFFLES, TREES, Forest, forest_importance, losses, r2, shares_of
from reports.statistics.importance import Importance, early_importance, parameter_importance
from reports.statistics.permutation import Array
from reports.statistics.summary import Search, summarise_search
from reports.tables.importance import importance_table

from . import example


def grown(x: Array, y: Array) -> Forest:
    return Forest.grown(x, y, len(y), 0)


@pytest.mark.parametrize("samples", [40, 25])
def test_a_forest_is_scikit_learns_with_the_same_seed(samples: int) -> None:
    draw = np.random.default_rng(0)
    x, y = draw.random((40, 3)), draw.random(40)
    theirs = RandomForestRegressor(TREES, random_state=3, oob_score=True, max_samples=samples).fit(x, y)
    ours = Forest.grown(x, y, samples, 3)
    assert np.array_equal(np.array(ours.drawn), np.array(theirs.estimators_samples_))
    assert np.allclose(ours.predictions(x[None])[0], theirs.oob_prediction_, rtol=1e-14)
    assert r2(ours, x, y) == pytest.approx(theirs.oob_score_)


def test_each_tree_is_measured_on_the_trials_that_it_was_not_grown_from() -> None:
    draw = np.random.default_rng(0)
    x, y = draw.random((40, 3)), draw.random(40)  # nothing matters
    theirs = RandomForestRegressor(TREES, random_state=0, oob_score=True).fit(x, y)
    on_its_own = permutation_importance(theirs, x, y, n_repeats=20, random_state=0).importances_mean
    forest = grown(x, y)
    ours = np.mean([losses(forest, x, y, [[0], [1], [2]], seed) for seed in range(4)], axis=0)
    assert min(on_its_own) > 0.1  # of R2: on the rows that it was grown from every column seems to matter
    assert max(ours) / y.var() < 0.1
    unmoved = ((theirs.oob_prediction_ - y) ** 2).mean()
    assert losses(forest, x, y, [[0]], 0)[0] + unmoved == pytest.approx(by_hand(forest, x, y, 0))


def by_hand(forest: Forest, x: Array, y: Array, seed: int) -> float:
    """The out-of-bag error with column 0 shuffled, as many times as there are shuffles, row by row and tree by tree."""
    generator, errors = np.random.default_rng(seed), []
    trees = list(zip(forest.trees, forest.drawn, strict=True))
    for _ in range(SHUFFLES):
        moved = x.copy()
        moved[:, 0] = x[generator.permutation(len(x)), 0]
        by_tree = np.array(
            [np.where(np.isin(np.arange(len(y)), drawn), np.nan, tree.predict(moved)) for tree, drawn in trees]
        )
        errors.append(float(((np.nanmean(by_tree, axis=0) - y) ** 2).mean()))
    return float(np.mean(errors))


def test_what_acts_has_the_share_that_it_has_in_the_value_s_variance() -> None:
    draw = np.random.default_rng(0)
    x = draw.random((200, 4))
    y = 3 * x[:, 0] + 2 * x[:, 1] + 0.1 * draw.normal(size=200)  # shares about 9 / 13 and 4 / 13
    ours = shares_of(losses(grown(x, y), x, y, [[0], [1], [2], [3]], 0))
    assert ours == pytest.approx([9 / 13, 4 / 13, 0, 0], abs=0.07)


def conditional(trials: int, granularity: float = 0.0) -> Search:
    """Return trials of which half have lslr on, which adds 0.1, and `granularity` where it is per_layer; outer.lr does
    nothing.
    """
    draw = np.random.default_rng(2)
    runs = []
    for i in range(trials):
        on = bool(draw.integers(2))
        kind, rate = ("shared", "per_layer")[draw.integers(2)], str(draw.random())
        params = {"lslr": "on" if on else "off", "outer.lr": rate}
        params |= {"lslr.granularity": kind, "lslr.decay": str(draw.random())} if on else {}
        accuracy = 0.7 + 0.1 * on + granularity * (on and kind == "per_layer") + 0.005 * draw.normal()
        runs.append(example.record(i, accuracy=float(accuracy), kind="search", params=params))
    names = ("lslr", "lslr.granularity", "lslr.decay", "outer.lr")
    return summarise_search(runs, StudyInfo("s", "search", searched=names))


def test_a_component_that_acts_alone_has_all_the_importance_and_its_settings_are_not_ranked() -> None:
    found = parameter_importance(conditional(80))
    assert [(p.name, p.settings) for p in found.parameters] == [
        ("lslr", ("lslr.granularity", "lslr.decay")),
        ("outer.lr", ()),
    ]
    assert found.parameters[0].forest > 0.97
    assert found.inside == ()  # among the trials in which it is on, nothing acts
    assert "are not ranked: those of lslr." in found.explanation
    assert importance_table(found).rows[0][0].text == "lslr and its settings"


def test_a_setting_that_acts_is_ranked_among_the_trials_in_which_its_component_is_on() -> None:
    search = conditional(120, granularity=0.05)
    (inside,) = parameter_importance(search).inside
    assert (inside.component, inside.n_trials) == ("lslr", sum(t.params["lslr"] == "on" for t in search.trials))
    assert [p.name for p in inside.parameters] == ["lslr.granularity", "lslr.decay"]
    assert inside.parameters[0].forest > 0.95
    runs = [run for trial in search.trials for run in trial.records]
    report = compose(runs, StudyInfo("s", "search", searched=search.searched))
    assert "Settings of lslr" in [table.title for table in report.tables]
    assert "importance_lslr" in [figure.name for figure in report.figures]


def searched(trials: int, complete: int) -> Search:
    """Return a search whose accuracy after 2 epochs follows outer.lr; the first `complete` go on to epoch 10, where all
    are alike.
    """
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
    assert "Over the 30 trials after epoch 2, outer.lr mattered most" in headline


def test_without_pruned_trials_or_with_too_few_trials_there_is_no_early_importance() -> None:
    assert early_importance(searched(30, 30)) is None
    assert early_importance(searched(7, 2)) is None


def test_a_forest_worse_than_the_mean_ranks_nothing_in_the_headline() -> None:
    draw = np.random.default_rng(0)
    runs = [
        example.record(i, accuracy=0.5 + 0.1 * draw.random(), kind="search", params={"outer.lr": str(draw.random())})
        for i in range(12)
    ]
    report = compose(runs, StudyInfo("s", "search"))
    assert (
        "The 12 complete trials do not show which settings mattered: a random forest predicts them no better than their"
        " mean does." in report.headline
    )
    table = next(table for table in report.tables if table.title == "Parameter importance")
    assert table.rows == ()
    assert "so nothing is ranked." in table.notes[0]
    assert not [figure for figure in report.figures if figure.name.startswith("importance")]


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


def test_a_tree_that_was_grown_from_every_trial_predicts_none() -> None:
    """Of six trials some tree draws each of them: it has none left that it was not grown from."""
    values = [0.1, 0.5, 0.2, 0.6, 0.15, 0.55]
    columns: dict[str, list[float | str | None]] = {"a": [1, 2, 1, 2, 1, 2], "b": [3, 1, 2, 3, 1, 2]}
    shares, _, _ = forest_importance(values, columns, [["a"], ["b"]])
    assert shares[0] > 0.8
