"""An iteration that is recorded once and replayed gives the numbers of one that is not, bit for bit."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.toy import EVERYTHING, toy_config, toy_data
from trainers.graphs import WARM, Found, GraphedStep, no_garbage_collection
from trainers.training import train
from trainers.training_run import TrainingRun

from .emulated import EmulatedGraph

DATA = toy_data()
ITERATIONS = WARM + 3
CONFIGS: dict[str, tuple[int, dict[str, Any]]] = {  # with the graphs that a training needs
    "MAML": (1, {}),
    "all components": (2, {**EVERYTHING, "da": "off", "msl": {"epochs": 2}}),
    "first, then second order, in MSL and after it": (
        3,
        {**EVERYTHING, "msl": {"epochs": 1}, "da": {"first_order_epochs": 2}},
    ),
    "learned rate for each parameter": (1, {"lslr": {"granularity": "per_parameter"}, "ca": "on"}),
    "one learned rate": (1, {"lslr": {"granularity": "shared"}, "msl": {"schedule": "cosine", "epochs": 1.0}}),
    "clipped": (1, {"outer": {"clip": 10.0, "weight_decay": 0.1}, "ca": "on"}),
    "strides, one task at a time": (2, {"model": {"downsample": "stride"}, "tasks_at_once": 1, "msl": {"epochs": 1}}),
    "running statistics": (1, {"norm": {"queries": "running"}, "bnrs": "on", "bnwb": "on"}),
}


def start(settings: dict[str, Any]) -> TrainingRun:
    run = TrainingRun(toy_config(**{"budget": {"iterations": ITERATIONS}, "precision": "float64", **settings}), 0, DATA)
    run.check_each_loss = False  # as on a GPU
    return run


def graphed(settings: dict[str, Any], baked: Callable[[TrainingRun], Sequence[Tensor]] = lambda run: ()) -> TrainingRun:
    run = start(settings)
    run.graphed = GraphedStep(run.step, lambda: lambda: EmulatedGraph(baked(run)))
    return run


def numbers(run: TrainingRun) -> list[Tensor]:
    """Train to the end; return losses and accuracies, weights, statistics and what the optimiser keeps."""
    epochs = [run.epoch() for _ in range(run.config.budget.epochs)]
    scores = [torch.tensor([e.train_loss, e.train_accuracy, e.val_loss, e.val_accuracy]) for e in epochs]
    state = run.state()
    parts = [state["weights"], state["statistics"], *state["optimizer"].values()]
    return scores + [value for part in parts for value in part.values()]


def same(one: list[Tensor], other: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("name", CONFIGS)
def test_a_replayed_training_is_the_eager_one_bit_for_bit(name: str) -> None:
    graphs, settings = CONFIGS[name]
    run = graphed(settings)
    assert same(numbers(start(settings)), numbers(run))
    assert run.graphed is not None
    assert len(run.graphed.graphs) == graphs


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("name", CONFIGS)
def test_a_training_of_cuda_graphs_is_the_eager_one_bit_for_bit(name: str) -> None:
    graphs, settings = CONFIGS[name]
    runs = [start({**settings, "device": "cuda", "graphs": wish}) for wish in ("off", "on")]
    assert same(numbers(runs[0]), numbers(runs[1]))
    assert runs[0].graphed is None
    assert runs[1].graphed is not None
    assert len(runs[1].graphed.graphs) == graphs


@pytest.mark.parametrize("what", ["rate", "share"])
def test_a_number_that_is_recorded_instead_of_its_tensor_is_seen(what: str) -> None:
    settings = {"msl": {"epochs": 1.0}, "ca": "on"}

    def baked(run: TrainingRun) -> Sequence[Tensor]:
        share = run.shares[0]
        assert share is not None
        return [run.optimizer.lr if what == "rate" else share]

    assert not same(numbers(start(settings)), numbers(graphed(settings, baked)))


def test_a_restored_run_is_recorded_anew_and_goes_on_bit_for_bit() -> None:
    settings = CONFIGS["all components"][1]
    whole, cut = graphed(settings), graphed(settings)
    numbers(whole)
    cut.epoch()
    again = graphed(settings)
    again.restore(cut.state())
    while len(again.history) < again.config.budget.epochs:
        again.epoch()
    assert same(list(whole.weights.values()), list(again.weights.values()))
    assert same(list(whole.statistics.values.values()), list(again.statistics.values.values()))


class Unrecordable(EmulatedGraph):  # type: ignore[no-untyped-call]
    """Fails, as where a device cannot record."""

    def record(self, work: Callable[[], Found]) -> Found:
        raise RuntimeError("operation not permitted when stream is capturing")


def test_a_training_that_cannot_be_recorded_goes_on_without_and_says_why() -> None:
    settings = CONFIGS["all components"][1]
    run = start(settings)
    run.graphed = GraphedStep(run.step, lambda: Unrecordable)
    with pytest.warns(RuntimeWarning, match=r"cannot be recorded as a CUDA graph \(operation not permitted"):
        found = numbers(run)
    assert same(numbers(start(settings)), found)
    assert run.graphed.graphs == {}


def test_a_step_that_reads_a_number_off_the_device_cannot_be_recorded() -> None:
    run = graphed({})
    run.check_each_loss = True  # then each loss is read
    with pytest.raises(RuntimeError, match="_local_scalar_dense"):
        EmulatedGraph().record(lambda: run.step(run.tasks_of(0, 0)))


def test_an_epoch_that_diverges_is_gone_through_again_without_graphs() -> None:
    settings = {"lslr": "on", "outer": {"lr": 1e6}, "precision": "float32", "budget": {"iterations": 30}}
    found = []
    for run in (start(settings), graphed(settings)):
        with pytest.raises(ArithmeticError) as caught:
            run.epoch()
        found.append(str(caught.value))
    assert found[0] == found[1]


def test_graphs_on_a_cpu_are_refused_when_they_are_asked_for() -> None:
    with pytest.raises(ValueError, match=r'graphs = "on" needs a CUDA device, and this run is on the CPU; use "auto"'):
        list(train(toy_config(graphs="on", device="cpu"), 0, DATA))
    assert TrainingRun(toy_config(graphs="auto", device="cpu"), 0, DATA).graphed is None


def test_garbage_is_collected_before_a_recording_and_not_during_it() -> None:
    """A graph of an earlier training, freed while another is recorded, spoils the recording on a GPU."""
    freed: list[str] = []

    class Earlier:
        def __init__(self, name: str) -> None:
            self.name, self.me = name, self

        def __del__(self) -> None:
            freed.append(self.name)

    gc.collect()
    gc.disable()
    Earlier("before")
    gc.enable()
    with no_garbage_collection():
        assert freed == ["before"]
        Earlier("during")
        many = [[number] for number in range(100_000)]  # enough to start the collector
        assert freed == ["before"]
    del many
    assert gc.isenabled()
    gc.collect()
    assert freed == ["before", "during"]
