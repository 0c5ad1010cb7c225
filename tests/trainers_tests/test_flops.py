"""The counted compute, by hand and against what PyTorch counts of real epochs."""

from typing import Any

import pytest
from torch.utils.flop_counter import FlopCounterMode

from tests.toy import EVERYTHING, toy_config, toy_data
from trainers.evaluation import evaluate
from trainers.flops import epoch_flops, flops, image_flops
from trainers.training_run import TrainingRun

ONE_BLOCK: dict[str, Any] = {"model": {"filters": 4, "blocks": 1}, "inner": {"steps": 1}}
"""On images of 14 x 14: a convolution of 2 * 14^2 * 9 * 4 = 14112 operations, a linear layer of 2 * (4 * 7^2) * 3 =
1176.
"""


def test_the_work_of_an_image_is_that_of_its_convolution_and_its_linear_layer() -> None:
    image = image_flops(toy_config(**ONE_BLOCK), 1, 14)
    assert image.forward == 14112 + 1176
    assert image.gradient == 14112 + 2 * 1176
    assert image.tangents == 2 * 14112 + 6 * 1176


def test_an_epoch_is_its_iterations_and_its_validation_and_a_training_is_its_epochs() -> None:
    """4 iterations of 2 tasks with 3 support and 3 query images; 6 validation tasks."""
    config, forward, gradient, tangents = toy_config(**ONE_BLOCK), 15288, 16464, 35280
    task = 3 * (forward + gradient + tangents) + 3 * (forward + gradient)
    validation = 3 * (forward + gradient) + 3 * forward
    assert epoch_flops(config, 1, 14, 0) == 4 * 2 * task + 6 * validation
    assert flops(config, 1, 14, 2) == 2 * epoch_flops(config, 1, 14, 0)
    assert flops(config, 1, 14) == 3 * epoch_flops(config, 1, 14, 0)


@pytest.mark.parametrize(
    "overrides",
    [
        {},
        {"da": {"first_order_epochs": 1.0}, "episodes": {"shots": 2, "queries": 3}},
        {"inner": {"steps": 3, "evaluation_steps": 4}, "msl": {"schedule": "constant", "epochs": 1.0}},
        {**EVERYTHING, "norm": {"queries": "running"}, "model": {"filters": 4, "blocks": 3, "downsample": "stride"}},
    ],
    ids=["maml", "first order", "msl", "everything, stride"],
)
def test_pytorch_counts_as_many_operations_in_an_epoch(overrides: dict[str, Any]) -> None:
    """One task at a time: of a grouped convolution's kernel gradient PyTorch counts the blocks that are never computed,
    too.
    """
    config = toy_config(**overrides, tasks_at_once=1)
    run, counter = TrainingRun(config, 0, toy_data()), FlopCounterMode(display=False)
    with counter:
        run.train_epoch(0)
        evaluate(run.learner, [run.snapshot(1)], run.streams["val"], config.evaluation.val_tasks)
    assert counter.get_total_flops() == pytest.approx(epoch_flops(config, 1, 14, 0), rel=1e-12)
