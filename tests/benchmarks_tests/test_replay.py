"""Searches replayed over curves: the rules by hand and against Optuna's pruner, ratios by hand, the published page."""

import math
from itertools import islice
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
import pytest

from benchmarks.curves.problems import study_of
from benchmarks.replay.methods import RULES
from benchmarks.replay.page import _row
from benchmarks.replay.portfolio import choose, left_out, ranks, tables
from benchmarks.replay.replaying import GRID, gain, ratios, reached, replay, replays
from benchmarks.replay.rules import halving, look, promotion, to_the_end
from benchmarks.replay.surrogate import Search, Surrogate
from benchmarks.replay.table import LENGTH, Curves, Floats, read_curves
from search_spaces.portfolio import CONFIGS
from study.spec.optuna_parts import make_pruner
from study.spec.sections import Named

RESULTS = Path(__file__).parents[2] / "docs" / "results"


def curves(first: list[float]) -> Curves:
    """Return curves that rise by a hundredth an epoch from `first`, judged half as high; an epoch takes a ninth."""
    seen = np.array(first)[:, None] + 0.01 * np.arange(LENGTH)
    compute = np.tile(np.arange(1, LENGTH + 1) / LENGTH, (len(first), 1))
    return Curves(seen, seen / 2, compute, pd.DataFrame(index=range(len(first))))


def random_curves(count: int = 60) -> Curves:
    made = curves(np.random.default_rng(1).uniform(0, 1, count).tolist())
    return Curves(made.seen + np.random.default_rng(2).normal(0, 0.2, made.seen.shape), *list(vars(made).values())[1:])


def test_a_trial_that_was_stopped_goes_on_as_soon_as_it_is_in_the_better_half() -> None:
    """Of 3 and 5, 5 goes on; 4 is third of none; 6 is the best of four, then 2 is not among the best two of five."""
    found = list(promotion((1,), 2)(curves([0.3, 0.5, 0.4, 0.6, 0.2]), range(5)))
    assert found == [(0, 1), (1, 1), (1, 9), (2, 1), (3, 1), (3, 9), (4, 1)]


def test_a_look_at_many_then_the_best_few() -> None:
    found = list(look(4, 2, 2)(curves([0.3, 0.5, 0.4, 0.6, 0.9]), range(5)))
    assert found == [(0, 2), (1, 2), (2, 2), (3, 2), (3, 9), (1, 9)]


def test_halving_stops_what_the_engines_pruner_stops() -> None:
    table = random_curves()
    study = optuna.create_study(direction="maximize", pruner=make_pruner(Named(name="successive_halving"), LENGTH))
    trained = []
    for config in range(len(table)):
        trial = study.ask()
        for epoch in range(1, LENGTH + 1):
            trial.report(table.seen[config, epoch - 1], epoch)
            if epoch < LENGTH and trial.should_prune():
                break
        trained.append(epoch)
        study.tell(trial, float(table.seen[config].max()))
    steps = dict(halving()(table, range(len(table))))  # the last step of each config stays
    assert [steps[config] for config in range(len(table))] == trained
    assert {1, 3, 9} == set(trained)


def test_the_incumbent_is_the_best_that_was_seen_and_its_worth_is_judged() -> None:
    table = curves([0.3, 0.5, 0.4])
    found = replay(table, to_the_end, [0, 1, 2], limit=4.0)
    at = [round(GRID * spent / 4) - 1 for spent in (1, 2, 3, 4)]
    assert np.isnan(found[at[0] - 1])
    assert found[at].tolist() == pytest.approx([0.19, 0.29, 0.29, 0.29])
    assert np.allclose(replay(table, to_the_end, [1, 0], limit=2.0)[GRID // 2 - 1 :], 0.29)


def test_what_goes_on_is_paid_for_once() -> None:
    """Two looks take 2/9, the better one's other epochs 8/9."""
    found = replay(curves([0.3, 0.5]), promotion((1,), 2), [0, 1], limit=10 / 9 + 1e-9)
    assert found[-1] == pytest.approx(0.29)
    assert np.isnan(replay(curves([0.3, 0.5]), promotion((1,), 2), [0, 1], limit=10 / 9 - 0.01)).all()


def steps(at: int, *, low: float = 0.2, high: float = 0.4) -> Floats:
    """Return two repetitions that rise from low to high at the moment `at`."""
    return np.tile(np.where(np.arange(1, GRID + 1) >= at, high, low), (2, 1))


def test_a_ratio_is_the_compute_to_reach_what_random_search_has_by_then() -> None:
    random, ours = steps(GRID), steps(GRID // 4)
    quarter, _, whole = ratios(ours, random)
    assert (whole.value, whole.low, whole.high) == (0.25, 0.25, 0.25)
    assert quarter.value == 1.0  # both have the low one from the beginning
    assert math.isinf(ratios(steps(GRID, high=0.3), random)[2].value)
    assert gain(ours, random).value == 0
    assert gain(steps(GRID, high=0.5), random).value == pytest.approx(10)
    assert reached(np.array([np.nan, 0.3]), 0.2) == 2 / GRID


@pytest.fixture(scope="module")
def made() -> Surrogate:
    """The surrogate of the first configs of a published table."""
    return Surrogate(read_curves(RESULTS / "curves" / "glyphs.parquet").only(range(120)))


def test_a_proposed_config_trains_as_a_recorded_one_that_is_like_it(made: Surrogate) -> None:
    table = made.curves
    recorded = {str(name): value for name, value in table.params.iloc[5].dropna().items()}
    like = {made.like(recorded, np.random.default_rng(seed)) for seed in range(30)}
    assert 5 in like
    assert len(like) < len(table) / 2
    assert 0.4 < made.explained[1] < 1
    search = Search(study_of("glyphs", 1), made, seed=0)
    asked = list(islice(to_the_end(search.curves, search.order()), 3))
    assert asked == [(0, 9), (1, 9), (2, 9)]
    assert not np.isnan(search.curves.compute[:3]).any()


def test_a_portfolio_is_chosen_greedily_by_the_rank_of_its_best() -> None:
    """Ranks 1 3 2 4 and 3 1 4 2: the first two share rank 2 on average, 0 is taken; then 1 lowers the second problem's
    best rank to 1; of the others, which lower nothing, 2 and 3 are equal.
    """
    problems = [curves([0.9, 0.5, 0.7, 0.3]), curves([0.5, 0.9, 0.3, 0.7])]
    assert [ranks(one, range(4)).tolist() for one in problems] == [[1, 3, 2, 4], [3, 1, 4, 2]]
    assert choose(problems, 3) == [0, 1, 2]
    assert left_out({"a": problems[0], "b": problems[1]}, "a") == [1, 3, 0, 2]


def near(value: object) -> object:
    return pytest.approx(value, rel=0.02) if isinstance(value, float) else value


def test_two_of_those_that_the_published_tables_choose_ship() -> None:
    found = tables(RESULTS / "curves")
    assert left_out(found, None) == [0, 9, 112, 49]
    for number, shipped in ((0, CONFIGS[0]), (49, CONFIGS[2])):
        for one in found.values():
            recorded = one.searched(one.rows([number])[0])
            assert recorded == {path: near(value) for path, value in shipped.items()}


def test_a_portfolio_is_trained_first_and_as_it_was_recorded(made: Surrogate) -> None:
    table = curves([0.3, 0.5, 0.4])
    found = replays(table, to_the_end, 5, first=[1])
    assert np.allclose(found[:, math.ceil(GRID / 20) :], 0.29)
    recorded = made.curves
    search = Search(study_of("glyphs", 1), made, seed=0, first=recorded.rows([9, 49]))
    list(islice(to_the_end(search.curves, search.order()), 3))
    assert np.array_equal(search.curves.seen[:2], recorded.seen[recorded.rows([9, 49])])
    assert np.allclose(search.curves.compute[:2], recorded.compute[recorded.rows([9, 49])])


def test_the_published_page_follows_from_the_published_table() -> None:
    table = read_curves(RESULTS / "curves" / "glyphs.parquet")
    text = (RESULTS / "search.md").read_text(encoding="utf-8")
    random, ours = (replays(table, RULES[at].rule) for at in (0, 4))
    assert f"{len(table)} configs." in text
    assert _row(RULES[4].name, ours, random) in text
