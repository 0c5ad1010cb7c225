"""Permutation importance against scikit-learn's; which trials it comes from, and when it ranks nothing."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.inspection import permutation_importance

from reports.document import compose
from reports.importance import _losses, _shares, early_importance, parameter_importance
from reports.records import StudyInfo
from reports.summary import Search, summarise_search

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
