"""CIFAR-FS (Bertinetto et al. 2019): CIFAR-100's classes, split 64/16/20 at random by the paper's authors.

Images are [3, 32, 32]; a class has 600: CIFAR-100's 500 training and 100 test images. torchvision downloads
`cifar-100-python.tar.gz` into the data folder, checks it against its known checksum and unpacks it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .arrays import Bytes, Indices
from .classes import ClassData, ClassRange, Split
from .config import DataError

VAL = (
    "beaver", "beetle", "butterfly", "camel", "cattle", "crab", "crocodile", "flatfish",
    "lamp", "maple_tree", "motorcycle", "otter", "sea", "shark", "television", "tractor",
)  # fmt: skip
TEST = (
    "baby", "bed", "bicycle", "chimpanzee", "fox", "leopard", "man", "pickup_truck", "plain", "poppy",
    "rocket", "rose", "snail", "sweet_pepper", "table", "telephone", "wardrobe", "whale", "woman", "worm",
)  # fmt: skip
MEAN = (0.5071, 0.4866, 0.4409)
STD = (0.2673, 0.2564, 0.2762)


def load(folder: Path) -> ClassData:
    """Return CIFAR-FS from the files in `folder`; missing files are downloaded. Raises `DataError` if there is neither
    a file nor a network.
    """
    from torchvision.datasets import CIFAR100

    try:
        parts: list[Any] = [CIFAR100(str(folder), train=train, download=True) for train in (True, False)]
    except (OSError, RuntimeError) as error:
        raise DataError(
            f"cifar_fs: CIFAR-100 is not in {folder} and could not be downloaded ({error}); put cifar-100-python.tar.gz"
            " from https://www.cs.toronto.edu/~kriz/cifar.html into that folder"
        ) from error
    images = np.concatenate([part.data for part in parts])
    labels = np.concatenate([part.targets for part in parts])
    return arrange(images, labels, parts[0].classes)


def arrange(images: Bytes, labels: Sequence[int] | Indices, names: Sequence[str]) -> ClassData:
    """Return images uint8 [N, 32, 32, 3] with labels [N], indices into `names`, as the classes of the splits."""
    order = np.argsort(np.asarray(labels), kind="stable")
    counts = np.bincount(np.asarray(labels), minlength=len(names))
    firsts = np.cumsum(counts) - counts
    splits: dict[Split, list[ClassRange]] = {"train": [], "val": [], "test": []}
    for name, first, count in zip(names, firsts.tolist(), counts.tolist(), strict=True):
        splits["val" if name in VAL else "test" if name in TEST else "train"].append(ClassRange(name, first, count))
    stacked = torch.from_numpy(np.ascontiguousarray(images[order].transpose(0, 3, 1, 2)))
    return ClassData("cifar_fs", stacked, {k: tuple(v) for k, v in splits.items()}, mean=MEAN, std=STD)
