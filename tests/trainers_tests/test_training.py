"""Training survives everything and ends in the same numbers."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

from tests.toy import EVERYTHING, toy_config, toy_data
from trainers.checkpoint import CheckpointFolder, StaleAttempt, TrainingBusy
from trainers.data import DataError
from trainers.divergence import Diverged
from trainers.results import EpochResult, TrainResult
from trainers.training import train
from trainers.training_run import TrainingRun

DATA = toy_data()
CONFIG = toy_config(**EVERYTHING, norm={"queries": "running"})


def drain(
    folder: Path | None, stop_after: int | None = None, test: bool = True
) -> tuple[list[EpochResult], TrainResult | None]:
    epochs, seen = train(CONFIG, 0, DATA, checkpoint=CheckpointFolder(folder) if folder else None, test=test), []
    while True:
        try:
            seen.append(next(epochs))
        except StopIteration as end:
            return seen, end.value
        if len(seen) == stop_after:
            epochs.close()
            return seen, None


def numbers(epochs: list[EpochResult]) -> list[EpochResult]:
    return [replace(epoch, seconds=0.0, tasks_per_second=0.0, finished_at=0.0) for epoch in epochs]


def test_a_training_yields_its_epochs_and_returns_its_result() -> None:
    epochs, result = drain(None)
    assert [epoch.epoch for epoch in epochs] == [1, 2, 3]
    assert result is not None
    best = max(epochs, key=lambda epoch: (epoch.val_accuracy, -epoch.epoch))
    assert (result.best_epoch, result.best_val_accuracy) == (best.epoch, best.val_accuracy)
    assert len(result.ensemble_epochs) == 2
    assert result.ensemble_epochs[0] == result.best_epoch
    assert len(result.test_per_task) == len(result.ensemble_test_per_task) == 8
    assert result.test_accuracy == pytest.approx(sum(result.test_per_task) / 8)
    assert {name: len(rates) for name, rates in result.inner_rates.items()} == dict.fromkeys(
        ["conv0.weight", "conv1.weight", "linear.weight", "linear.bias"], 2
    )
    per_task = torch.tensor(result.test_per_task, dtype=torch.float64)
    assert result.test_accuracy_se == pytest.approx(float(per_task.std()) / 8**0.5)


def test_the_same_seed_gives_the_same_numbers() -> None:
    assert numbers(drain(None)[0]) == numbers(drain(None)[0])


def test_seeds_may_share_one_initialisation_and_still_see_their_own_tasks() -> None:
    shared = toy_config(**EVERYTHING, norm={"queries": "running"}, model={"init_seed": 7})
    one, other = (TrainingRun(shared, seed, DATA) for seed in (0, 1))
    assert all(torch.equal(one.weights[name], other.weights[name]) for name in one.weights)
    assert not torch.equal(
        TrainingRun(CONFIG, 0, DATA).weights["conv0.weight"], TrainingRun(CONFIG, 1, DATA).weights["conv0.weight"]
    )
    tasks = [run.streams["train"].batch([(0, 0)]).support for run in (one, other)]
    assert not torch.equal(*tasks)


@pytest.mark.parametrize("stop", [1, 2])
def test_a_training_resumes_bit_for_bit(tmp_path: Path, stop: int) -> None:
    whole, result = drain(tmp_path / "whole")
    drain(tmp_path / "cut", stop_after=stop)
    again, resumed = drain(tmp_path / "cut")
    assert numbers(again) == numbers(whole)
    assert resumed is not None
    assert result is not None
    assert replace(resumed, seconds=0.0) == replace(result, seconds=0.0)


def test_a_replayed_epoch_is_the_one_that_was_yielded(tmp_path: Path) -> None:
    first, _ = drain(tmp_path, stop_after=2)
    again, _ = drain(tmp_path)
    assert again[:2] == first


def test_a_finished_training_is_not_trained_again_but_can_be_tested_later(tmp_path: Path) -> None:
    trained, untested = drain(tmp_path, test=False)
    assert untested is not None
    assert (untested.test_accuracy, untested.test_per_task) == (None, ())
    again, tested = drain(tmp_path)
    assert again == trained  # the very epochs, with their times: nothing was computed anew
    assert tested is not None
    assert tested.test_accuracy is not None
    assert drain(tmp_path) == (trained, tested)
    at_once = drain(None)[1]
    assert at_once is not None
    assert replace(tested, seconds=0.0) == replace(at_once, seconds=0.0)


def test_a_finished_training_keeps_one_file(tmp_path: Path) -> None:
    drain(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["final.ckpt"]


@pytest.mark.parametrize("damage", ["truncate", "flip"])
def test_a_damaged_newest_checkpoint_is_passed_over(tmp_path: Path, damage: str) -> None:
    whole, _ = drain(None)
    drain(tmp_path, stop_after=2)
    newest = sorted(tmp_path.glob("epoch-*.ckpt"))[-1]
    content = bytearray(newest.read_bytes())
    content[1000] ^= 1
    newest.write_bytes(content if damage == "flip" else content[:1000])
    with pytest.warns(RuntimeWarning, match=r"epoch-000002\.ckpt is damaged and was skipped"):
        again, _ = drain(tmp_path)
    assert numbers(again) == numbers(whole)


def test_one_process_a_cell(tmp_path: Path) -> None:
    first, second = CheckpointFolder(tmp_path / "abcdef", "one"), CheckpointFolder(tmp_path / "abcdef", "two")
    first.acquire()
    with pytest.raises(TrainingBusy, match="abcdef is being trained by another process"):
        second.acquire()
    first.release()
    second.acquire()
    second.save(1, {"history": []})
    (tmp_path / "abcdef" / "attempt").write_text("three")
    with pytest.raises(StaleAttempt, match="a newer attempt has taken over"):
        second.save(2, {"history": []})
    assert second.load() == {"history": []}
    second.release()


CHILD = """
import sys, json
from dataclasses import asdict
from pathlib import Path
from tests.trainers_tests.test_training import CONFIG, DATA, drain
import torch; torch.set_num_threads(1)
from trainers.overrides import normalise, merge
import tests.trainers_tests.test_training as t
t.CONFIG = normalise(merge(CONFIG.model_dump(), {"budget": {"epochs": 12}}))[0]
epochs, result = drain(Path(sys.argv[1]))
from trainers.checkpoint import CheckpointFolder
state = CheckpointFolder(Path(sys.argv[1])).load()
total = sum(float(v.double().sum()) for s in state["best"] for v in s["weights"].values())
found = [[e.train_loss, e.val_accuracy, e.val_loss] for e in epochs]
print(json.dumps(found + [list(result.test_per_task), total.hex()]))
"""


def child(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", CHILD, str(folder)], stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_a_training_killed_at_random_moments_ends_bit_identical(tmp_path: Path) -> None:
    whole = json.loads(child(tmp_path / "whole").communicate()[0])
    rng, kills = random.Random(0), 0
    for wait in [rng.uniform(0, 0.5) for _ in range(2)]:
        process = child(tmp_path / "killed")
        deadline = time.monotonic() + 60
        seen = len(list((tmp_path / "killed").glob("*.ckpt")))
        while process.poll() is None and time.monotonic() < deadline:  # a while after its first checkpoint
            if len(list((tmp_path / "killed").glob("*.ckpt"))) > seen or seen >= 2:
                time.sleep(wait)
                break
            time.sleep(0.005)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            kills += 1
        process.communicate()
    assert kills >= 1
    assert json.loads(child(tmp_path / "killed").communicate()[0]) == whole


def test_divergence_names_epoch_iteration_step_and_layer() -> None:
    config = toy_config(inner={"lr": 1e30})
    with pytest.raises(
        Diverged, match=r"the loss is not finite: epoch 1, iteration 1, inner step \d, first in layer \w+"
    ) as caught:
        list(train(config, 0, DATA))
    assert caught.value.step >= 1
    assert caught.value.layer in {"conv0", "conv1", "linear", "conv0.weight", "conv1.weight", "linear.weight"}


def test_weights_that_stop_being_finite_are_named() -> None:
    run = TrainingRun(toy_config(), 0, DATA)
    with torch.no_grad():
        run.weights["conv1.weight"][0, 0, 0, 0] = float("nan")
    with pytest.raises(Diverged) as caught:
        run.epoch()
    assert (caught.value.iteration, caught.value.step, caught.value.layer) == (1, 0, "conv1.weight")


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match=r'device = "cuda:99": this machine has \d+ CUDA devices; use device = "auto"'):
        list(train(toy_config(device="cuda:99"), 0, DATA))


def test_images_that_the_blocks_halve_away_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"model.blocks = 4 reduces images of 14 pixels to nothing; use at most 3 blocks"
    ):
        list(train(toy_config(model={"blocks": 4}), 0, DATA))
    list(train(toy_config(model={"blocks": 4, "downsample": "stride"}, budget={"epochs": 1}), 0, DATA))


def test_a_validation_that_is_not_finite_is_divergence_though_the_training_was() -> None:
    config = toy_config(inner={"steps": 1, "lr": 1e30, "evaluation_steps": 3}, budget={"epochs": 1, "iterations": 1})
    with pytest.raises(Diverged, match=r"epoch 1, iteration 1, inner step \d+, first in layer"):
        list(train(config, 0, DATA))


def test_too_many_ways_for_the_data_are_refused() -> None:
    with pytest.raises(DataError, match="8 classes, but a task needs 9"):
        list(train(toy_config(episodes={"ways": 9}), 0, DATA))


def test_results_are_plain_numbers() -> None:
    epochs, result = drain(None)
    assert json.loads(json.dumps(asdict(epochs[0])))["epoch"] == 1
    assert result is not None
    json.dumps(asdict(result))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_cuda_agrees_with_the_cpu_in_float64() -> None:
    results = [drain_on(device) for device in ("cpu", "cuda")]
    assert results[0] == pytest.approx(results[1], rel=1e-9)


def drain_on(device: str) -> list[float]:
    config = toy_config(**EVERYTHING, precision="float64", device=device)
    return [epoch.train_loss for epoch in train(config, 0, DATA)]


def test_an_epoch_that_nobody_watched_names_the_same_divergence() -> None:
    """As on a GPU, where losses are looked at after the epoch."""
    found = []
    for looks in (True, False):
        run = TrainingRun(
            toy_config(lslr="on", outer={"lr": 1e6}, precision="float32", budget={"iterations": 30}), 0, DATA
        )
        run.check_each_loss = looks
        with pytest.raises(Diverged) as caught:
            run.epoch()
        found.append(str(caught.value))
    assert found[0] == found[1]
    assert "iteration 1," not in found[0]  # so there was something to go back over


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_nothing_waits_for_the_gpu_inside_an_epoch() -> None:
    run = TrainingRun(toy_config(device="cuda", msl="on", lslr="on"), 0, DATA)
    run.iterate(0, run.tasks_of(0, 0))  # the first one loads kernels
    torch.cuda.set_sync_debug_mode("error")
    try:
        for iteration in range(1, 3):
            run.iterate(0, run.tasks_of(0, iteration))
    finally:
        torch.cuda.set_sync_debug_mode("default")
