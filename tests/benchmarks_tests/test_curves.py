"""The table of curves: its pictures, and what is judged apart of what a search sees."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.curves.judging import QUERIES, TASKS, judge
from benchmarks.curves.pictures import picture
from trainers.checkpoint import CheckpointFolder
from trainers.data.episodes import EpisodeStream
from trainers.evaluation import evaluate
from trainers.training import train
from trainers.training_run import TrainingRun

from ..toy import toy_config, toy_data


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
