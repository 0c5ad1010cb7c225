"""The linear layer and the cross-entropy above it, and their derivatives, written out; see `block` for their order.

Shapes: T tasks, N images of each, D features, W ways.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


class HeadPass:
    """A pass of features through each task's own linear layer.

    Args:
        features: [T, N, D].
        weight: [T, W, D].
        bias: [T, W].

    Attributes:
        logits: [T, N, W].
    """

    def __init__(self, features: Tensor, weight: Tensor, bias: Tensor) -> None:
        self._features, self._weight = features, weight
        self.logits = torch.baddbmm(bias[:, None], features, weight.mT)

    def gradient(self, labels: Tensor, share: float | Tensor = 1.0) -> tuple[Tensor, Tensor, Tensor]:
        """Return `share` times each task's mean cross-entropy's gradients of features, weight and bias, for labels [T,
        N].
        """
        self._shares = self.logits.softmax(2)
        where, minus_one = labels[..., None], self.logits.new_full((1, 1, 1), -1.0)
        self._to_logits = self._shares.scatter_add(2, where, minus_one.expand_as(where)) * (share / labels.shape[1])
        return self._back(self._to_logits)

    def tangent(self, dfeatures: Tensor, dweight: Tensor, dbias: Tensor) -> None:
        """Note how the logits move when features, weight and bias move."""
        self._dfeatures, self._dweight = dfeatures, dweight
        self._dlogits = torch.baddbmm(dbias[:, None], dfeatures, self._weight.mT)
        self._dlogits += self._features @ dweight.mT

    def tangent_gradient(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return how the gradients of features, weight and bias move."""
        moved = self._shares * self._dlogits
        dto_logits = (moved - self._shares * moved.sum(2, keepdim=True)) / self.logits.shape[1]
        to_features, to_weight, to_bias = self._back(dto_logits)
        return (
            to_features + self._to_logits @ self._dweight,
            to_weight + self._to_logits.mT @ self._dfeatures,
            to_bias,
        )

    def _back(self, to_logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return to_logits @ self._weight, to_logits.mT @ self._features, to_logits.sum(1)


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean cross-entropy [T] of each task's logits [T, N, W] for labels [T, N]."""
    return functional.cross_entropy(logits.transpose(1, 2), labels, reduction="none").mean(1)


def accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the share [T], float64, of each task's logits [T, N, W] that are right for labels [T, N]."""
    return (logits.argmax(2) == labels).double().mean(1)
