"""Few-shot tasks, drawn by key: (seed, split, position) determines a task, regardless of earlier draws.

Shapes: T tasks, W ways, K shots, Q queries per class, C H W image.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..randomness import Source
from ..sections import Episodes
from .classes import ClassData, ClassRange, Split


@dataclass(frozen=True)
class TaskBatch:
    """T tasks; images are floats, ordered by class.

    Attributes:
        support: [T, W*K, C, H, W].
        support_labels: [T, W*K], values 0 .. W-1.
        query: [T, W*Q, C, H, W].
        query_labels: [T, W*Q].
    """

    support: Tensor
    support_labels: Tensor
    query: Tensor
    query_labels: Tensor

    def __len__(self) -> int:
        return len(self.support)

    @property
    def parts(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The four tensors, in order."""
        return self.support, self.support_labels, self.query, self.query_labels

    def split(self, tasks: int) -> Iterator[TaskBatch]:
        """Yield the batch in parts of at most `tasks` tasks."""
        for part in zip(*(torch.split(t, tasks) for t in self.parts), strict=True):
            yield TaskBatch(*part)


@dataclass(frozen=True)
class EpisodeStream:
    """All tasks of one split and seed.

    Within a task, the classes are drawn first, then each class's rotation, then its images: support images from the
    front of a permutation, query images from its back. So arms with different shots or queries share classes and as
    many images as possible, and arms with more ways share the first classes.
    """

    data: ClassData
    split: Split
    shape: Episodes
    seed: int
    dtype: torch.dtype = torch.float32

    def batch(self, positions: Iterable[tuple[int, ...]]) -> TaskBatch:
        """Return the tasks at `positions`: (iteration, task) in training, (task,) in evaluation."""
        index, rotations = zip(*(self._draw(Source(self.seed, self.split, *p)) for p in positions), strict=True)
        images = self._images(np.stack(index), np.stack(rotations))
        shots, ways, queries = self.shape.shots, self.shape.ways, self.shape.queries
        labels = torch.arange(ways, device=images.device).expand(len(images), ways)
        return TaskBatch(
            images[:, :, :shots].flatten(1, 2),
            labels.repeat_interleave(shots, 1),
            images[:, :, shots:].flatten(1, 2),
            labels.repeat_interleave(queries, 1),
        )

    def _draw(self, source: Source) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return a task's image indices [W, K+Q] and the rotations [W], multiples of 90 degrees, of its classes."""
        classes = self.data.splits[self.split]
        chosen = source.permutation(len(classes))[: self.shape.ways]
        rotations = np.array([classes[c].rotations for c in chosen])
        extra = source.words(len(classes))[: self.shape.ways] % np.uint64(4)
        if self.data.rotate_training and self.split == "train":
            rotations = (rotations + extra.astype(np.int64)) % 4
        return np.stack([self._pick(source, classes[c]) for c in chosen]), rotations

    def _pick(self, source: Source, chosen: ClassRange) -> NDArray[np.int64]:
        order = source.permutation(chosen.count) + chosen.first
        return np.concatenate([order[: self.shape.shots], order[::-1][: self.shape.queries]])

    def _images(self, index: NDArray[np.int64], rotations: NDArray[np.int64]) -> Tensor:
        """Return float images [T, W, K+Q, C, H, W], rotated and normalised."""
        raw = self.data.images[self._send(index)]
        if rotations.any():
            pixels = self._send(_rotated_pixels(raw.shape[-1])[rotations])[:, :, None, None]  # [T, W, 1, 1, H*W]
            raw = raw.flatten(-2).gather(-1, pixels.expand(*raw.shape[:-2], -1)).view_as(raw)
        images = raw.to(self.dtype) / 255
        if self.data.mean == (0.0,) and self.data.std == (1.0,):
            return images
        mean, std = (self._send(np.array(v))[:, None, None].to(self.dtype) for v in (self.data.mean, self.data.std))
        return (images - mean) / std

    def _send(self, array: NDArray[Any]) -> Tensor:
        """Return `array` on the data's device, without waiting for a GPU."""
        device = self.data.images.device
        tensor = torch.from_numpy(array)
        return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor


@cache
def _rotated_pixels(side: int) -> NDArray[np.int64]:
    """Return the pixel order of a flat image [side*side] after 0, 1, 2, 3 quarter rotations, [4, side*side]."""
    pixels = np.arange(side * side).reshape(side, side)
    return np.stack([np.rot90(pixels, turn).ravel() for turn in range(4)])
