"""Permutation importance against scikit-learn's."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.inspection import permutation_importance

from reports.importance import _losses, _shares


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
