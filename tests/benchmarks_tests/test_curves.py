"""The table of curves: its pictures, and what is judged apart of what a search sees."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.curves.judging import QUERIES, TASKS, judge
from benchmarks.curves.pictures import picture
from benchmarks.curves.problems import PROBLEMS, block_of, params_of, study_of
from benchmarks.curves.table import known_configs
from benchmarks.replay.table import read_curves
from search_spaces.trials import FixedParams
from study.stores.home import Home
from trainers.checkpoint import CheckpointFolder
from trainers.data.episodes import EpisodeStream
from trainers.evaluation import evaluate
from trainers.training import train
from trainers.training_run import TrainingRun

from ..test_architecture import ROOT
from ..toy import toy_config, toy_data

CURVES = ROOT / "docs" / "results" / "curves"


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_published_config_is_the_one_that_the_search_draws_for_its_number(problem: str) -> None:
    table, search = read_curves(CURVES / f"{problem}.parquet"), study_of(problem, 1)
    assert known_configs(problem, CURVES) == {*range(len(table))}
    for number in range(0, len(table), 7):
        assert params_of(search, number) == table.searched(number)


def test_a_block_trains_the_configs_with_its_numbers(tmp_path: Path) -> None:
    numbers, search = [155, 156, 187], study_of("glyphs", 1)  # in the first and last, a setting without effect is drawn
    block = block_of("glyphs", numbers, Home(tmp_path))
    assert search.space is not None
    assert (block.study.name, block.budget.trials) == ("curves-glyphs-155-187", 3)
    for number, params in zip(numbers, block.enqueued.values(), strict=True):
        drawn, _ = search.space.suggest(FixedParams(params_of(search, number)), search.base_tree)
        assert search.space.suggest(FixedParams(params), search.base_tree)[0] == drawn


def test_a_picture_is_what_its_class_and_number_say() -> None:
    assert picture(3, 1).shape == (28, 28, 3)
    assert np.array_equal(picture(3, 1), picture(3, 1))
    apart = [np.abs(picture(3, 1).astype(float) - other).mean() for other in (picture(3, 2), picture(4, 1))]
    assert min(apart) > 5


def test_each_epoch_is_judged_on_the_tasks_that_follow_those_of_its_validation(tmp_path: Path) -> None:
    config, data = toy_config(episodes={"ways": 2, "queries": 2}, evaluation={"val_tasks": 6, "top_k": 1}), toy_data()
    folder = CheckpointFolder(tmp_path / "training", keep_all=True)
    epochs = list(train(config, 0, data, checkpoint=folder, test=False))
    found = judge(config, 0, data, folder)
    assert len(found) == len(epochs) == 3

    run = TrainingRun(config, 0, data)
    run.restore(folder.load())
    stream = EpisodeStream(data, "val", config.episodes.model_copy(update={"queries": QUERIES}), 0)
    best = run.best[0]
    whole = evaluate(run.learner, [best], stream, 6 + TASKS)["batch"][0].accuracy
    assert found[best.epoch - 1] == pytest.approx(float(whole[6:].mean()))
    assert found[best.epoch - 1] != pytest.approx(float(whole[:TASKS].mean()))
