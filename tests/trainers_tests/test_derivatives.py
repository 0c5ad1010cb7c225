"""The derivatives that are written out are those that autograd finds."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from tests.toy import EVERYTHING, toy_config, toy_data
from trainers.models.block import EPS, SLOPE
from trainers.models.conv4 import Conv4, Weights
from trainers.models.kernels import Kernels, instead, kernels_for
from trainers.training_run import TrainingRun

TASKS, IMAGES, WAYS = 2, 4, 3


def network(**overrides: object) -> Conv4:
    return Conv4(toy_config(precision="float64", **overrides), channels=2, size=14)


def draw(net: Conv4) -> tuple[Weights, Tensor, Tensor]:
    """Return random weights of every task, images and labels."""
    torch.manual_seed(0)
    adapted = {
        name: torch.randn(TASKS, *w.shape, dtype=torch.float64) / w.shape[-1]
        for name, w in net.initial_adapted(0).items()
    }
    norm = {name: torch.randn(w.shape, dtype=torch.float64) for name, w in net.initial_norm().items()}
    images = torch.randn(TASKS, IMAGES, 2, 14, 14, dtype=torch.float64)
    return adapted | norm, images, torch.randint(0, WAYS, (TASKS, IMAGES))


def by_autograd(net: Conv4, weights: Weights, images: Tensor, labels: Tensor) -> Tensor:
    """Return the tasks' summed losses, with a graph; the network again, in the words of torch.nn.functional."""
    total = torch.zeros((), dtype=torch.float64)
    for task in range(TASKS):
        x = images[task]
        for block in net.blocks:
            x = functional.conv2d(x, weights[f"{block}.weight"][task], stride=1 if net.pools else 2, padding=1)
            gamma, beta = weights[f"{block}.norm.gamma"], weights[f"{block}.norm.beta"]
            x = functional.batch_norm(x, None, None, gamma, beta, training=True, eps=EPS)
            x = functional.leaky_relu(x, SLOPE)
            x = functional.max_pool2d(x, 2) if net.pools else x
        x = x.flatten(1) if net.pools else x.mean((2, 3))
        logits = functional.linear(x, weights["linear.weight"][task], weights["linear.bias"][task])
        total = total + functional.cross_entropy(logits, labels[task])
    return total


def agree(ours: Weights, theirs: Weights) -> None:
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        assert torch.allclose(ours[name], value, rtol=1e-9, atol=1e-12), name


KERNELS = {
    "pixel by pixel": Kernels(torch.channels_last),
    "channel by channel": Kernels(torch.contiguous_format),
    "products": Kernels(torch.contiguous_format, products=True),
    "products, pixel by pixel": Kernels(torch.channels_last, products=True),
}


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("downsample", ["max_pool", "stride"])
def test_gradient_and_hessian_times_a_vector_are_those_of_autograd(downsample: str, kernels: str) -> None:
    with instead(KERNELS[kernels]):
        compare_with_autograd(downsample)


def compare_with_autograd(downsample: str) -> None:
    net = network(model={"downsample": downsample})
    weights, images, labels = draw(net)
    for weight in weights.values():
        weight.requires_grad_()
    loss = by_autograd(net, weights, images, labels)
    gradient = dict(zip(weights, torch.autograd.grad(loss, list(weights.values()), create_graph=True), strict=True))
    adapted = [name for name in weights if "norm" not in name]
    direction = {name: torch.randn_like(weights[name]) for name in adapted}
    along = sum(((gradient[name] * direction[name]).sum() for name in adapted), torch.zeros(()))
    moved = dict(zip(weights, torch.autograd.grad(along, list(weights.values())), strict=True))
    with torch.no_grad():
        ours = net.run(weights, images, 0)
        agree(ours.gradient(labels), {name: g.detach() for name, g in gradient.items()})
        agree(ours.tangent(direction), moved)


def test_bfloat16_rounds_what_is_convolved_and_nothing_else() -> None:
    exact, rounded = network(), Conv4(toy_config(precision="bfloat16"), channels=2, size=14)
    weights, images, _ = draw(exact)
    single = {name: w.float() for name, w in weights.items()}
    logits = rounded.run(single, images.float(), 0).logits
    reference = exact.run(weights, images, 0).logits.float()
    assert logits.dtype == torch.float32
    assert not torch.allclose(logits, reference, rtol=1e-4)
    assert torch.allclose(logits, reference, rtol=0.2, atol=0.2 * float(reference.abs().max()))


def test_a_training_is_the_same_with_every_kernel() -> None:
    losses = []
    for kernels in KERNELS.values():
        with instead(kernels):
            run = TrainingRun(toy_config(precision="float64", **EVERYTHING), 0, toy_data())
            losses.append([run.epoch().train_loss, run.epoch().val_loss])
    assert all(found == pytest.approx(losses[0], rel=1e-9) for found in losses)
    assert kernels_for(torch.device("cpu"), "float64") == KERNELS["pixel by pixel"]


@pytest.mark.slow
def test_compiled_derivatives_are_the_same() -> None:
    nets = [network(), network(compile=True)]
    weights, images, labels = draw(nets[0])
    direction = {name: torch.randn_like(weights[name]) for name in weights if "norm" not in name}
    found = []
    with torch.no_grad():
        for net in nets:
            at = net.run(weights, images, 0)
            found.append((at.gradient(labels), at.tangent(direction)))
    for eager, compiled in zip(*found, strict=True):
        agree(compiled, eager)
