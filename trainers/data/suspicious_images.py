"""Warns of readable but suspicious images: duplicates, and images without variation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arrays import Bytes
from .classes import ClassRange, Split
from .config import DataError
from .folders import capped, listed

Ranges = Mapping[Split, Sequence[ClassRange]]


def doubled(files: Sequence[Path], digests: NDArray[np.uint64], ranges: Ranges) -> list[str]:
    """Return a message per set of identical files; if they are in two splits, test images were seen in training."""
    homes = [(split, one.name) for split, classes in ranges.items() for one in classes for _ in range(one.count)]
    _, group, counts = np.unique(digests, return_inverse=True, return_counts=True)
    order = np.argsort(group, kind="stable")
    ends = np.cumsum(counts)
    several = (order[end - count : end].tolist() for end, count in zip(ends, counts, strict=True) if count > 1)
    return capped([_same(files, homes, places) for places in sorted(several)])


def _same(files: Sequence[Path], homes: Sequence[tuple[Split, str]], places: Sequence[int]) -> str:
    classes, splits = (list(dict.fromkeys(homes[i][part] for i in places)) for part in (1, 0))
    if len(classes) == 1:
        return f"class {classes[0]}: the same picture {len(places)} times ({listed(files[i].name for i in places)})"
    names = listed((f"{homes[i][1]}/{files[i].name}" for i in places), most=3)
    leak = f", and of the splits {', '.join(splits)}: what is tested is known from training" if len(splits) > 1 else ""
    return f"the same picture is in {len(classes)} classes ({names}){leak}"


def without_variation(files: Sequence[Path], images: Bytes, ranges: Ranges, root: Path) -> list[str]:
    """Return a message for each class with images of a single colour, or whose images are all the same.

    Args:
        files: of the images.
        images: uint8 [N, C, H, W].
        ranges: the classes in it.
        root: the data set's folder.

    Raises DataError if all pixels of all images are alike.
    """
    pixels = images.reshape(len(images), images.shape[1], -1)
    low, high = pixels.min(axis=2), pixels.max(axis=2)
    flat: NDArray[np.bool_] = (low == high).all(axis=1)
    if flat.all() and (low == low[0]).all():
        raise DataError(
            f"image_folder: all {len(images)} pictures of {root} come out in one colour, {_colour(low[0])}, so nothing"
            " tells their classes apart; look at them, and save them with 8 bits per channel"
        )
    if flat.all():
        return [f"each of the {len(images)} pictures of {root.name} holds one colour only"]
    return capped(list(_plain_classes(files, images, ranges, flat)))


def _plain_classes(files: Sequence[Path], images: Bytes, ranges: Ranges, flat: NDArray[np.bool_]) -> Iterator[str]:
    for one in (one for classes in ranges.values() for one in classes):
        own = range(one.first, one.first + one.count)
        plain = [i for i in own if flat[i]]
        if all((images[i] == images[one.first]).all() for i in own):
            yield f"class {one.name}: its {one.count} pictures are all alike"
        elif plain:
            count = f"{len(plain)} picture{' holds' if len(plain) == 1 else 's hold'}"
            yield f"class {one.name}: {count} one colour only ({listed(files[i].name for i in plain)})"


def _colour(levels: Any) -> str:
    return " ".join(str(level) for level in levels.tolist())
