"""Inner learning rates: fixed, or learned as in LSLR (HTYM) and Meta-SGD (Li et al. 2017)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ..config import TrainerConfig

Weights = dict[str, Tensor]


def initial_rates(config: TrainerConfig, adapted: Mapping[str, Tensor]) -> Weights:
    """Return the learned rates at their initial value ``inner.lr``, by the name of what they move; empty without LSLR.

    Shapes: [] for shared (name "lslr") and per_layer, [S] for per_layer_per_step, the weight's own for per_parameter.
    """
    if config.lslr == "off":
        return {}
    if config.lslr.granularity == "shared":
        like = next(iter(adapted.values()))
        return {"lslr": torch.full((), config.inner.lr, dtype=like.dtype, device=like.device)}
    per_step = {"per_layer": (), "per_layer_per_step": (config.inner.steps,)}
    return {
        f"lslr.{name}": weight.new_full(per_step.get(config.lslr.granularity, weight.shape), config.inner.lr)
        for name, weight in adapted.items()
    }


def rate(config: TrainerConfig, meta: Mapping[str, Tensor], name: str, step: int) -> Tensor | float:
    """Return the rate of weight `name` at inner `step`; steps beyond the trained ones reuse the last one's.

    A learned rate may become negative, which reverses the direction.
    """
    if config.lslr == "off":
        return config.inner.lr
    if config.lslr.granularity == "shared":
        return meta["lslr"]
    learned = meta[f"lslr.{name}"]
    if config.lslr.granularity == "per_layer_per_step":
        return learned[min(step, config.inner.steps - 1)]
    return learned


def add_rate_gradient(
    config: TrainerConfig, total: Weights, name: str, step: int, adjoint: Tensor, gradient: Tensor
) -> None:
    """Add to `total` what weight `name`'s rate at inner `step` does to the loss: minus adjoint times gradient, both [T,
    ...].

    Each granularity sums over what shares a rate.
    """
    if config.lslr == "off":
        return
    if config.lslr.granularity == "per_parameter":
        total[f"lslr.{name}"] -= (adjoint * gradient).sum(0)
        return
    learned = total["lslr" if config.lslr.granularity == "shared" else f"lslr.{name}"]
    if config.lslr.granularity == "per_layer_per_step":
        learned = learned[step]
    learned -= torch.dot(adjoint.flatten(), gradient.flatten())


def rate_table(config: TrainerConfig, meta: Mapping[str, Tensor], adapted: list[str]) -> dict[str, list[float]]:
    """Return each adapted weight's rate at each of the S inner steps (the mean over elements for per_parameter)."""
    rates = [rate(config, meta, name, step) for name in adapted for step in range(config.inner.steps)]
    means = torch.stack([torch.as_tensor(one).detach().mean() for one in rates])  # read from a GPU in one go
    return dict(zip(adapted, means.view(len(adapted), -1).cpu().tolist(), strict=True))
