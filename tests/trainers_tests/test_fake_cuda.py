"""The trainer on tensors that say they are on a GPU and hold nothing: no iteration waits for a number, no operator
mixes devices.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from tests.toy import EVERYTHING, toy_config, toy_data
from trainers.data.classes import ClassData
from trainers.graphs import WARM
from trainers.mamlpp.step_sizes import rate_table
from trainers.models.kernels import Kernels, instead
from trainers.tasks_at_once import evaluated_at_once, tasks_at_once
from trainers.training_run import TrainingRun

DATA = toy_data()
CONFIGS: dict[str, dict[str, object]] = {
    "MAML": {},
    "first order": {"da": {"first_order_epochs": 1.0}},
    "all components": {"msl": "on", "lslr": "on", "bnrs": "on", "bnwb": "on", "ca": "on"},
    "learned rate for each parameter": {"lslr": {"granularity": "per_parameter"}},
    "clipped": {"outer": {"clip": 10.0}},
    "strides": {"model": {"downsample": "stride"}},
    "bfloat16": {"precision": "bfloat16"},
}
PRODUCTS = Kernels(torch.contiguous_format, products=True)


class Watch(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Raises for an operator that waits for the GPU, or takes tensors of two devices; counts the operators on the
    GPU.
    """

    calls = 0

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        tensors = [one for one in _flat([*args, *(kwargs or {}).values()]) if one.dim() or one.device.type == "cuda"]
        devices = {one.device.type for one in tensors}
        name = func.overloadpacket.__name__
        if "cuda" in devices:
            assert name not in ("_local_scalar_dense", "nonzero", "equal", "masked_select"), f"{name} waits for the GPU"
            assert name in ("copy_", "_to_copy") or devices == {"cuda"}, f"{name} takes tensors of {devices}"
            self.calls += 1
        if name == "_fused_adam_":  # works in place; fakes know it with a number as rate alone
            return None
        out = func(*args, **(kwargs or {}))
        if "cuda" in devices:
            assert {one.device.type for one in _flat([out])} <= {"cuda"}, f"{name} copies from the GPU"
        return out


def _flat(values: Any) -> Iterator[torch.Tensor]:
    for value in values:
        if isinstance(value, torch.Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _flat(value)


@pytest.fixture
def fake_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """One GPU that is not there."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    card = SimpleNamespace(total_memory=80 * 2**30)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: card)
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda self, device=None: self.clone())


def faked(mode: FakeTensorMode) -> ClassData:
    """Return the data with images that are fakes; its checksum is that of the real ones."""
    data = copy(DATA)
    object.__setattr__(data, "images", mode.from_tensor(DATA.images))
    object.__setattr__(data, "to", lambda device: _moved(data, device))
    return data


def _moved(data: ClassData, device: torch.device) -> ClassData:
    moved = copy(data)
    object.__setattr__(moved, "images", data.images.to(device))
    return moved


@pytest.mark.parametrize("name", CONFIGS)
def test_an_iteration_on_a_gpu_waits_for_no_number(name: str, fake_gpu: None) -> None:
    iterate_watched(name)


def test_neither_does_one_with_products_in_place_of_convolutions(fake_gpu: None) -> None:
    with instead(PRODUCTS):
        iterate_watched("all components")


def test_tensors_of_a_block_lie_channel_by_channel_on_a_gpu(fake_gpu: None) -> None:
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        run = TrainingRun(toy_config(device="cuda", **EVERYTHING), 0, faked(mode))
        tasks = run.tasks_of(0, 0)
        taken = next(run.learner.adapt(run.weights, tasks, 1))
        assert taken.support.blocks["conv0"].y.is_contiguous()


def test_the_rates_of_a_result_are_read_in_one_copy(fake_gpu: None) -> None:
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        run = TrainingRun(toy_config(device="cuda", **EVERYTHING), 0, faked(mode))
        with Watch() as watch, pytest.raises(AssertionError, match=r"_to_copy copies from the GPU"):  # type: ignore[no-untyped-call]
            rate_table(run.config, run.weights, run.learner.adapted)
        assert watch.calls > len(run.learner.adapted) * run.config.inner.steps


def test_evaluation_takes_all_tasks_that_a_gpu_holds(fake_gpu: None) -> None:
    config = toy_config(device="cuda", model={"filters": 64}, inner={"steps": 5})
    assert tasks_at_once(config, DATA) == config.episodes.tasks
    assert evaluated_at_once(config, DATA) > 600
    assert evaluated_at_once(toy_config(device="cuda", tasks_at_once=1), DATA) == 2  # after running out of memory
    assert evaluated_at_once(toy_config(), DATA) == 2 * tasks_at_once(toy_config(), DATA)


def iterate_watched(name: str) -> None:
    config = toy_config(device="cuda", **{"precision": "float32", **CONFIGS[name]})
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        run = TrainingRun(config, 0, faked(mode))
        tasks = run.tasks_of(0, 0)
        with Watch() as watch:  # type: ignore[no-untyped-call]
            loss, accuracy = run.iterate(0, tasks)
    assert {loss.device.type, accuracy.device.type} == {"cuda"}
    assert watch.calls > 50


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU to record on")
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_an_iteration_that_no_graph_can_be_made_of_goes_on_without(precision: str, fake_gpu: None) -> None:
    """There is no GPU to record on; all that comes before and after the recording does what it does there."""
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        run = TrainingRun(toy_config(device="cuda", precision=precision, **EVERYTHING), 0, faked(mode))
        drawn = [run.tasks_of(0, iteration) for iteration in range(WARM + 2)]
        with Watch():  # type: ignore[no-untyped-call]
            for tasks in drawn[:WARM]:
                run.iterate(0, tasks)
            with pytest.warns(RuntimeWarning, match="cannot be recorded as a CUDA graph"):
                run.iterate(0, drawn[WARM])
            run.iterate(0, drawn[WARM + 1])
    assert run.optimizer.lr.dtype == getattr(torch, precision)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (lambda here, there: there.cpu(), "copies from the GPU"),
        (lambda here, there: there.nonzero(), "waits for the GPU"),
        (lambda here, there: there.add_(here), "takes tensors of"),
    ],
)
def test_the_watch_sees_what_it_looks_for(fault: Any, message: str, fake_gpu: None) -> None:
    with FakeTensorMode(allow_non_fake_inputs=True):
        here, there = torch.ones(3), torch.ones(3, device="cuda")
        with pytest.raises(AssertionError, match=message), Watch():  # type: ignore[no-untyped-call]
            fault(here, there)


def test_tasks_computed_together_are_fewer_on_a_small_or_a_shared_card(
    fake_gpu: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = toy_config(
        device="cuda", episodes={"tasks": 64, "shots": 5, "queries": 15}, model={"filters": 64}, inner={"steps": 5}
    )
    assert tasks_at_once(config, DATA) == 64
    card = SimpleNamespace(total_memory=2**30)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: card)
    small = tasks_at_once(config, DATA)
    monkeypatch.setenv("MAMLAB_GPU_SHARE", "0.5")
    assert tasks_at_once(config, DATA) == pytest.approx(small / 2, abs=1)
    assert 2 <= small < 64
