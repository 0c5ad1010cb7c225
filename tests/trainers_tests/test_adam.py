from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import torch

from trainers.adam import Adam
from trainers.sections import Outer

OUTER = Outer(lr=0.01, beta1=0.8, beta2=0.95, weight_decay=0.1)


def weights() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {name: torch.randn(3, generator=generator).requires_grad_() for name in ("a", "b", "still")}


def move(ours: dict[str, torch.Tensor], by: float) -> None:
    for name, weight in ours.items():
        weight.grad = None if name == "still" else by * weight.detach().cos()


def test_five_steps_are_those_of_torchs_own_class_bit_for_bit() -> None:
    ours, theirs = weights(), weights()
    mine = Adam(ours, OUTER)
    other = torch.optim.Adam(list(theirs.values()), lr=0.01, betas=(0.8, 0.95), weight_decay=0.1)
    for step in range(5):
        other.param_groups[0]["lr"] = 0.01 / (1 + step)
        mine.lr.fill_(0.01 / (1 + step))
        for each in (ours, theirs):
            move(each, 1.0 + step)
        mine.step()
        other.step()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert torch.equal(ours["still"], weights()["still"])


def test_a_rate_that_the_kernel_would_round_keeps_its_precision() -> None:
    """As on a GPU in float64, where torch's kernel reads rates in float32."""
    ours, theirs = ({name: w.detach().double().requires_grad_() for name, w in weights().items()} for _ in range(2))
    mine = Adam(ours, OUTER)
    mine.float32_lr = True
    other = torch.optim.Adam(list(theirs.values()), lr=0.01, betas=(0.8, 0.95), weight_decay=0.1)
    for step in range(5):
        other.param_groups[0]["lr"] = 0.01 / (3 + step)
        mine.lr.fill_(0.01 / (3 + step))
        for each in (ours, theirs):
            move(each, 1.0 + step)
        mine.step()
        other.step()
    assert all(torch.allclose(ours[name], theirs[name], rtol=1e-14, atol=1e-15) for name in ours)


def test_a_restored_optimiser_goes_on_bit_for_bit() -> None:
    one, other = weights(), weights()
    first, second = Adam(one, OUTER), Adam(other, OUTER)
    move(one, 1.0)
    first.step()
    state = first.state()
    with torch.no_grad():
        for name in other:
            other[name].copy_(one[name])
    for each in (one, other):
        move(each, 2.0)
    first.step()
    second.restore(state)
    second.step()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_training_step_does_not_load_torchs_compiler() -> None:
    code = (
        "import sys; from tests.toy import toy_config, toy_data; from trainers.training_run import TrainingRun\n"
        "run = TrainingRun(toy_config(), 0, toy_data()); run.epoch()\n"
        "print('torch._dynamo' in sys.modules)"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
