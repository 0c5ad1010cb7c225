"""The common form of all data sets: classes of images, split into disjoint train, val and test classes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import torch
from torch import Tensor

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)


@dataclass(frozen=True)
class ClassRange:
    """One class: the images `first` .. `first + count - 1`, rotated counter-clockwise by `rotations` times 90
    degrees.
    """

    name: str
    first: int
    count: int
    rotations: int = 0


@dataclass(frozen=True)
class ClassData:
    """A data set for few-shot learning, entirely on one device.

    Attributes:
        name: the data set's name, for tables ("omniglot").
        images: uint8 tensor [N, C, H, W], on the training device.
        splits: the classes of each split; no class (before rotation) is in two splits.
        rotate_training: whether a training task rotates each of its classes by a random multiple of 90 degrees.
        mean, std: per channel, on the scale of [0, 1]; a network sees (image / 255 - mean) / std.
        checksum: SHA-256 (hexadecimal) of all of the above: everything that an episode depends on.
        white: what is white in its pictures of more than 8 bits, by their kind, see `depths`.
        notes: what its user should know: files that were skipped, pictures that are there twice or hold one colour.
    """

    name: str
    images: Tensor
    splits: dict[Split, tuple[ClassRange, ...]]
    rotate_training: bool = False
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    checksum: str = field(default="")
    white: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.checksum:
            object.__setattr__(self, "checksum", self._sha256())

    def _sha256(self) -> str:
        pixels: Any = self.images.cpu().contiguous().numpy()  # hashed in place: Mini-ImageNet is over a gigabyte
        digest = hashlib.sha256(pixels)
        digest.update(repr((tuple(self.images.shape), self.rotate_training, self.mean, self.std)).encode())
        for split in SPLITS:
            digest.update(repr((split, [(c.name, c.first, c.count, c.rotations) for c in self.splits[split]])).encode())
        return digest.hexdigest()

    def to(self, device: torch.device) -> ClassData:
        """Return the same data with the images on `device`."""
        return replace(self, images=self.images.to(device))
