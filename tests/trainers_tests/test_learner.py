"""The learner: its settings are one code path, its gradients exact."""

import math
import os
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tests.golden import check
from tests.toy import EVERYTHING, toy_config, toy_data
from trainers.config import TrainerConfig
from trainers.data.episodes import TaskBatch
from trainers.mamlpp.meta_step import MetaPass, meta_gradient
from trainers.mamlpp.query_shares import QueryShares
from trainers.mamlpp.schedules import msl_weights
from trainers.models.block import EPS
from trainers.models.norm import RunningStatistics
from trainers.training_run import TrainingRun

DATA = toy_data()
GOLDEN = Path(os.environ.get("MAMLAB_TEST_DATA", "")) / "golden"


def run(**overrides: object) -> TrainingRun:
    return TrainingRun(toy_config(precision="float64", **overrides), 0, DATA)


def tasks(at: TrainingRun, count: int = 2) -> TaskBatch:
    return at.streams["train"].batch((0, i) for i in range(count))


def gradient(at: TrainingRun, weights: Sequence[float], second_order: bool = True, at_once: int = 2) -> float:
    """Set the meta-gradient on the run's weights; return the loss."""
    batch, shares = tasks(at), QueryShares(weights, at.data.images.device)
    return float(meta_gradient(at.learner, at.weights, batch, shares, second_order=second_order, at_once=at_once)[0])


@pytest.mark.skipif(
    "MAMLAB_TEST_DATA" not in os.environ, reason="MAMLAB_TEST_DATA names no folder with recorded numbers"
)
@pytest.mark.parametrize("case", sorted(GOLDEN.glob("*.json")), ids=lambda path: path.stem)
def test_recorded_numbers_are_reproduced(case: Path) -> None:
    errors = check(case)
    assert errors.ok, str(errors)


@pytest.mark.parametrize("downsample", ["max_pool", "stride"])
@pytest.mark.parametrize("granularity", ["shared", "per_layer", "per_layer_per_step", "per_parameter"])
def test_second_order_gradients_agree_with_finite_differences(granularity: str, downsample: str) -> None:
    at = run(
        msl="on", bnwb="on", lslr={"granularity": granularity}, model={"downsample": downsample}, inner={"lr": 0.2}
    )
    weights = msl_weights(at.config, 0)
    shares = QueryShares(weights, at.data.images.device)

    def loss() -> float:
        return float(MetaPass(at.learner, at.weights, tasks(at), shares).loss.mean())

    gradient(at, weights)
    for name in [
        "conv0.weight",
        "conv1.norm.gamma",
        "linear.weight",
        next(n for n in at.weights if n.startswith("lslr")),
    ]:
        weight = at.weights[name]
        flat, index, h = weight.detach().view(-1), weight.numel() // 2, 1e-6
        assert weight.grad is not None
        at_zero = float(flat[index])
        flat[index] = at_zero + h
        above = loss()
        flat[index] = at_zero - h
        below = loss()
        flat[index] = at_zero
        assert float(weight.grad.view(-1)[index]) == pytest.approx((above - below) / (2 * h), rel=1e-5, abs=1e-9), name


def test_first_and_second_order_share_the_loss_but_not_the_gradient() -> None:
    at = run()
    first = gradient(at, [0, 1], second_order=False)
    first_gradient = at.weights["conv0.weight"].grad
    second = gradient(at, [0, 1])
    assert first == second
    assert first_gradient is not None
    assert not torch.allclose(first_gradient, at.weights["conv0.weight"].grad)  # type: ignore[arg-type]


@pytest.mark.parametrize("downsample", ["max_pool", "stride"])
def test_tasks_computed_together_or_one_by_one_give_the_same_numbers(downsample: str) -> None:
    at = run(**EVERYTHING, norm={"queries": "running"}, model={"downsample": downsample}, episodes={"tasks": 3})
    batch = tasks(at, 3)
    results = []
    for at_once in (1, 2, 3):
        statistics = at.learner.network.initial_statistics()
        statistics.values = {name: v.to(batch.query.device) for name, v in statistics.values.items()}
        loss, accuracies = meta_gradient(
            at.learner,
            at.weights,
            batch,
            QueryShares([0.4, 0.6], batch.query.device),
            second_order=True,
            at_once=at_once,
            collect=statistics,
        )
        statistics.update()
        gradients = [w.grad for w in at.weights.values() if w.grad is not None]
        results.append([loss, accuracies, *gradients, *statistics.values.values()])
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            assert torch.allclose(a, b, rtol=1e-9, atol=1e-14)


def test_learned_rates_of_every_granularity_start_as_the_fixed_one() -> None:
    fixed = run()
    reference = gradient(fixed, [0.5, 0.5])
    shapes = {"shared": (), "per_layer": (), "per_layer_per_step": (2,), "per_parameter": (4, 1, 3, 3)}
    for granularity, shape in shapes.items():
        at = run(lslr={"granularity": granularity})
        loss = gradient(at, [0.5, 0.5])
        assert loss == pytest.approx(reference, rel=1e-12)
        name = "lslr" if granularity == "shared" else "lslr.conv0.weight"
        assert at.weights[name].shape == shape
        assert at.weights[name].grad is not None


def test_a_loss_at_every_step_is_the_weighted_sum_of_the_steps_losses() -> None:
    at = run(inner={"steps": 3})

    def loss(*weights: float) -> float:
        shares = QueryShares(weights, at.data.images.device)
        return float(MetaPass(at.learner, at.weights, tasks(at, 1), shares).loss)

    alone = [loss(1, 0, 0), loss(0, 1, 0), loss(0, 0, 1)]
    mixed = loss(0.2, 0.3, 0.5)
    assert mixed == pytest.approx(0.2 * alone[0] + 0.3 * alone[1] + 0.5 * alone[2], rel=1e-12)


def test_evaluation_may_take_more_steps_than_training_and_reuses_the_last_ones_settings() -> None:
    at = run(inner={"steps": 2, "evaluation_steps": 4}, lslr="on", bnwb="on")
    (logits,) = at.learner.predict(at.weights, tasks(at), None)
    assert logits.shape == (2, 3, 3)
    by_hand = list(at.learner.adapt(at.weights, tasks(at), 4))[-1].after
    expected = at.learner.network.run(by_hand, tasks(at).query, 3).logits
    assert torch.allclose(logits, expected)


def test_running_normalisation_answers_each_query_alone_and_batch_does_not() -> None:
    from dataclasses import replace

    for queries, alone in (("running", True), ("batch", False)):
        at = run(norm={"queries": queries})
        for _ in range(3):
            at.iterate(0, tasks(at))
        statistics = at.statistics if queries == "running" else None
        query = tasks(at, 1).query
        (together,) = at.learner.predict(at.weights, tasks(at, 1), statistics)
        (single,) = at.learner.predict(at.weights, replace(tasks(at, 1), query=query[:, :2]), statistics)
        assert torch.allclose(together[:, :2], single) is alone


def test_per_step_statistics_are_updated_by_their_own_step_once_a_meta_batch() -> None:
    statistics = RunningStatistics({"conv0.mean": torch.zeros(2, 1), "conv0.var": torch.ones(2, 1)}, momentum=0.1)
    for value in (1.0, 3.0):
        block: Any = SimpleNamespace(moments=(torch.tensor([value]), torch.tensor([(4.0 + EPS) ** -0.5]), 1.25))
        statistics.note({"conv0": block}, 1)
    statistics.update()
    assert statistics.values["conv0.mean"].flatten().tolist() == pytest.approx([0, 0.2])
    assert statistics.values["conv0.var"].flatten().tolist() == pytest.approx([1, 1.4])
    statistics.update()
    assert statistics.values["conv0.mean"].flatten().tolist() == pytest.approx([0, 0.2])


def test_batch_norms_affine_weights_are_not_adapted() -> None:
    at = run(**EVERYTHING, norm={"queries": "running"})
    adapted = list(at.learner.adapt(at.weights, tasks(at), 2))[-1].after
    norm = {name for name in at.weights if ".norm." in name}
    assert norm
    assert all(torch.equal(adapted[name], at.weights[name].repeat(1, 2)) for name in norm)  # a copy for each task
    moved = {name for name in at.weights.keys() - norm if adapted[name] is not at.weights[name]}
    assert moved == {"conv0.weight", "conv1.weight", "linear.weight", "linear.bias"}


def test_meta_sgd_and_fomaml_are_settings_of_the_same_code() -> None:
    meta_sgd = run(lslr={"granularity": "per_parameter"})
    assert meta_sgd.weights["lslr.linear.bias"].shape == (3,)
    fomaml = run(da={"first_order_epochs": 1.0})
    before = fomaml.weights["conv0.weight"].detach().clone()
    fomaml.iterate(0, tasks(fomaml))
    assert not torch.equal(before, fomaml.weights["conv0.weight"])


def test_the_initial_weights_depend_on_the_seed_and_the_weights_name_alone() -> None:
    small, large = run(), run(bnwb="on", lslr="on")
    assert torch.equal(small.weights["conv1.weight"], large.weights["conv1.weight"])
    other = TrainingRun(toy_config(), 1, DATA)
    assert not torch.equal(small.weights["conv1.weight"].float(), other.weights["conv1.weight"])
    bound = math.sqrt(6 / (9 * (4 + 4)))
    assert float(small.weights["conv1.weight"].detach().abs().max()) <= bound


def test_a_gradient_limit_clips_every_element() -> None:
    at = run(outer={"clip": 1e-6})
    at.iterate(0, tasks(at))
    assert max(float(w.grad.abs().max()) for w in at.weights.values() if w.grad is not None) <= 1e-6


def test_chance_is_beaten_after_a_short_training() -> None:
    from trainers.training import fit

    config: TrainerConfig = toy_config(
        **EVERYTHING, budget={"epochs": 4, "iterations": 25}, evaluation={"test_tasks": 50}
    )
    assert (fit(config, 0, DATA).test_accuracy or 0) > 0.5  # chance is 1/3
