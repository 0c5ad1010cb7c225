"""Few-shot tasks, drawn by address: (seed, stream, position) decides a task, whatever was drawn before.

Shapes: T tasks, W ways, K shots, Q queries a class, C H W image.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..config import Episodes
from ..randomness import Source
from .classes import ClassData, ClassRange, Split


@dataclass(frozen=True)
class Episode:
    """One task; images are floats, class after class.

    Attributes:
        support: [W*K, C, H, W].
        support_labels: [W*K], values 0 .. W-1.
        query: [W*Q, C, H, W].
        query_labels: [W*Q].
    """

    support: Tensor
    support_labels: Tensor
    query: Tensor
    query_labels: Tensor


@dataclass(frozen=True)
class EpisodeStream:
    """All tasks of one split and seed.

    Within a task the classes are drawn first, then each class's turn, then its images: support from the front of a
    permutation, queries from its back. So arms with other shots or queries share classes and as many images as they can,
    and arms with more ways share the first classes.
    """

    data: ClassData
    split: Split
    shape: Episodes
    seed: int
    dtype: torch.dtype = torch.float32

    def task(self, *position: int) -> Episode:
        """Return the task at `position`: (iteration, task) in training, (task,) in evaluation."""
        index, turns = self._draw(Source(self.seed, self.split, *position))
        images = self._images(index, turns)
        shots, ways, queries = self.shape.shots, self.shape.ways, self.shape.queries
        labels = torch.arange(ways, device=images.device)
        return Episode(
            images[:, :shots].flatten(0, 1),
            labels.repeat_interleave(shots),
            images[:, shots:].flatten(0, 1),
            labels.repeat_interleave(queries),
        )

    def _draw(self, source: Source) -> tuple[NDArray[np.int64], list[int]]:
        """Return image indices [W, K+Q] and the quarter turns of each class."""
        classes = self.data.splits[self.split]
        chosen = source.permutation(len(classes))[: self.shape.ways]
        extra = source.words(len(classes))[: self.shape.ways] % np.uint64(4)
        random_turns = self.data.turn_training and self.split == "train"
        turns = [classes[c].turns + (int(e) if random_turns else 0) for c, e in zip(chosen, extra, strict=True)]
        return np.stack([self._pick(source, classes[c]) for c in chosen]), turns

    def _pick(self, source: Source, chosen: ClassRange) -> NDArray[np.int64]:
        order = source.permutation(chosen.count) + chosen.first
        return np.concatenate([order[: self.shape.shots], order[::-1][: self.shape.queries]])

    def _images(self, index: NDArray[np.int64], turns: list[int]) -> Tensor:
        """Return float images [W, K+Q, C, H, W], turned and normalised."""
        device = self.data.images.device
        images = self.data.images[torch.from_numpy(index).to(device)].to(self.dtype) / 255
        if self.data.mean != (0.0,) or self.data.std != (1.0,):
            mean, std = (
                torch.tensor(v, dtype=self.dtype, device=device)[:, None, None] for v in (self.data.mean, self.data.std)
            )
            images = (images - mean) / std
        if not any(turn % 4 for turn in turns):
            return images
        return torch.stack([torch.rot90(image, turn, (-2, -1)) for image, turn in zip(images, turns, strict=True)])
