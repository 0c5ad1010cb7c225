"""Any folder of class folders, flat or already split into train, val and test.

Mini-ImageNet has this form: train, val and test with 64, 16 and 20 class folders of 600 images each. Every image
becomes [3, size, size], or [1, size, size] in greyscale: see `pictures.prepare`. `folders` says which files are read,
and which names splits may have.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from ..randomness import Source
from .arrays import Arrays, Bytes, cached
from .classes import SPLITS, ClassData, ClassRange, Split
from .config import DataError, ImageFolder
from .decoding import decode_all, white_in
from .folders import Classes, capped, listed, look
from .pictures import open_picture, prepare
from .skip_list import read_skip_list, without
from .suspicious_images import doubled, without_variation

FEWEST_IMAGES = 2  # one support image, one query image
DECODER = 2
"""Version of the decoder: increased when its output changes, so that cached images are decoded again."""


def load(config: ImageFolder, folder: Path) -> ClassData:
    """Return the classes of `config.path`; decoded images are cached in `folder`.

    Mean and standard deviation per channel are those of the training images. Raises `DataError`, which names the
    problem, for a missing folder, an empty split, a class in two splits or with fewer than 2 images, unreadable files,
    and images that all have a single colour.
    """
    try:
        splits, passed_over = read_splits(config)
        _check(config.path, splits, passed_over)
        files = [file for classes in splits.values() for images in classes.values() for file in images]
        stats = [(str(f), s.st_size, s.st_mtime_ns) for f, s in ((f, f.stat()) for f in files)]
    except OSError as error:
        raise DataError(
            f"image_folder: {error.filename} cannot be read ({error.strerror}); change its permissions"
        ) from error
    key = repr([DECODER, config.size, config.grayscale, *stats])
    path = folder / f"image_folder-{hashlib.sha256(key.encode()).hexdigest()[:12]}.npz"
    kept = cached(path, lambda: _decoded(files, config))
    images, ranges = kept["images"], _ranges(splits)
    odd = [*doubled(files, kept["digests"], ranges), *without_variation(files, images, ranges, config.path)]
    notes = (*capped(passed_over), *kept["dark"].tolist(), *odd)
    mean, std = _moments(images[: sum(one.count for one in ranges["train"])])
    return ClassData(
        config.path.resolve().name, torch.from_numpy(images), ranges, config.rotations == "augment", mean, std,
        white=white_in(kept), notes=notes,
    )  # fmt: skip


def _ranges(splits: dict[Split, Classes]) -> dict[Split, tuple[ClassRange, ...]]:
    """Number the images in the order in which `load` stacks them."""
    result: dict[Split, tuple[ClassRange, ...]] = {}
    first = 0
    for split, classes in splits.items():
        ranges = []
        for name, images in classes.items():
            ranges.append(ClassRange(name, first, len(images)))
            first += len(images)
        result[split] = tuple(ranges)
    return result


def read_splits(config: ImageFolder) -> tuple[dict[Split, Classes], list[str]]:
    """Return the image files of each class of each split, and what was skipped."""
    found = look(config.path)
    if config.skip:
        left_out = read_skip_list(config.skip)
        found.flat = found.flat if found.flat is None else without(found.flat, config.path, left_out)
        found.splits = {split: without(classes, config.path, left_out) for split, classes in found.splits.items()}
    splits = found.splits if found.flat is None else cut(config.path, found.flat, config.fractions)
    return _apart(config.path, splits), found.notes


def _apart(root: Path, splits: dict[Split, Classes]) -> dict[Split, Classes]:
    """Return `splits`; raise `DataError` if a class is in two of them."""
    seen: dict[str, Split] = {}
    twice = list[str]()
    for split, classes in splits.items():
        twice += [f"class {name} of {root} is in {seen[name]} and in {split}" for name in classes if name in seen]
        seen |= dict.fromkeys(classes, split)
    if twice:
        raise DataError(f"image_folder: {listed(twice, '; ')}; a class may be in one split only")
    return splits


def cut(root: Path, classes: Classes, fractions: Sequence[float]) -> dict[Split, Classes]:
    """Split the classes of a flat folder, always in the same way for the same names."""
    names = [sorted(classes)[i] for i in Source("image_folder", "split").permutation(len(classes))]
    val, test = (round(share * len(names)) for share in fractions[1:])
    train = len(names) - val - test
    if not names:
        raise DataError(f"image_folder: {root} has no class folders; each class is a folder of images in it")
    if min(train, val, test) < 1:
        raise DataError(
            f"image_folder: the {len(names)} classes of {root} cannot be cut by fractions = {list(fractions)}: that"
            f" gives {train} train, {val} val and {test} test classes; add classes or change the fractions"
        )
    parts = (names[:train], names[train : train + val], names[train + val :])
    return {split: {name: classes[name] for name in sorted(part)} for split, part in zip(SPLITS, parts, strict=True)}


def _check(root: Path, splits: dict[Split, Classes], notes: Sequence[str]) -> None:
    """Raise DataError for a split without classes, and for classes with too few images, with the `notes` about them."""
    for split, classes in splits.items():
        if not classes:
            raise DataError(
                f"image_folder: split {split} of {root} has no class folders; put at least one into {root / split}"
            )
    few = {
        name: (split, images)
        for split, of in splits.items()
        for name, images in of.items()
        if len(images) < FEWEST_IMAGES
    }
    if few:
        lines = [
            f"class {name} (split {split}) of {root} has {len(images)} images (.png, .jpg, .tif, ...)"
            for name, (split, images) in few.items()
        ]
        relevant = [note for note in notes if note.partition(":")[0].removeprefix("class ") in few]
        raise DataError(
            f"image_folder: {listed(lines, '; ')}, but needs at least {FEWEST_IMAGES}; add images or remove the folder"
            + "".join(f"\n{note}" for note in capped(relevant))
        )


def _decoded(files: Sequence[Path], config: ImageFolder) -> Arrays:
    try:
        return decode_all(files, config.size, config.grayscale)
    except DataError as error:
        raise DataError(f"image_folder: {error}") from None


def decode(file: Path, size: int, grayscale: bool) -> Bytes:
    """Return a single image file as uint8 [1 or 3, size, size]; raises `DataError` if it cannot be read."""
    try:
        return open_picture(file, lambda image: prepare(image, size, grayscale))
    except DataError as error:
        raise DataError(f"image_folder: {error}") from error


def _moments(images: Bytes) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation per channel of images [N, C, H, W] on the scale of [0, 1], to 4 digits."""
    histogram = np.zeros((images.shape[1], 256))
    for image in images:
        histogram += [np.bincount(channel.ravel(), minlength=256) for channel in image]
    value = np.arange(256) / 255
    share = histogram / histogram.sum(axis=1, keepdims=True)
    mean = share @ value
    std = np.sqrt((share * (value - mean[:, None]) ** 2).sum(axis=1))
    return tuple(np.round(mean, 4).tolist()), tuple(np.round(std, 4).clip(1e-4).tolist())
