"""Any folder of class folders, flat or already split in train, val and test.

Mini-ImageNet comes in this way: train, val and test with 64, 16 and 20 class folders of 600 images each.

Every image becomes [3, size, size], or [1, size, size] in grey: the largest centred square, scaled with antialiasing;
turned upright if its EXIF says so, transparent parts on white, 16 bits reduced to 8, the first picture of several.
Hidden files and files that are no images by their extension are passed over.
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
from .preparation import open_picture, prepare

EXTENSIONS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm")
FEWEST_IMAGES = 2  # one to learn from, one to ask for

Classes = dict[str, list[Path]]


def load(config: ImageFolder, folder: Path) -> ClassData:
    """Return the classes of `config.path`; decoded images are kept in `folder`.

    Mean and standard deviation per channel are those of the training images. Raises `DataError`, naming it, for a
    missing folder, an empty split, a class in two splits or with fewer than 2 images, or an unreadable file.
    """
    try:
        splits = _splits(config)
    except OSError as error:
        raise DataError(
            f"image_folder: {error.filename} cannot be read ({error.strerror}); change its rights"
        ) from error
    for split, classes in splits.items():
        _check(config.path, split, classes)
    files = [file for classes in splits.values() for images in classes.values() for file in images]
    key = repr([config.size, config.grayscale, *((str(f), f.stat().st_size, f.stat().st_mtime_ns) for f in files)])
    path = folder / f"image_folder-{hashlib.sha256(key.encode()).hexdigest()[:12]}.npz"
    images = cached(path, lambda: _decoded(files, config))["images"]
    training = sum(len(images) for images in splits["train"].values())
    mean, std = _moments(images[:training])
    turn = config.turns == "augment"
    return ClassData(config.path.resolve().name, torch.from_numpy(images), _ranges(splits), turn, mean, std)


def _ranges(splits: dict[Split, Classes]) -> dict[Split, tuple[ClassRange, ...]]:
    """Number the images as `load` stacks them."""
    result: dict[Split, tuple[ClassRange, ...]] = {}
    first = 0
    for split, classes in splits.items():
        ranges = []
        for name, images in classes.items():
            ranges.append(ClassRange(name, first, len(images)))
            first += len(images)
        result[split] = tuple(ranges)
    return result


def _splits(config: ImageFolder) -> dict[Split, Classes]:
    """Return the image files of each class of each split."""
    root = config.path
    if not root.is_dir():
        raise DataError(f"image_folder: path {root} is not a folder; give the folder that holds the class folders")
    folders = _folders(root)
    present = [split for split in SPLITS if split in {f.name for f in folders}]
    if not present:
        return _cut(root, {f.name: _images(f) for f in folders}, config.fractions)
    if others := [f.name for f in folders if f.name not in SPLITS]:
        raise DataError(
            f"image_folder: {root} has the split folder {present[0]} beside the folder {others[0]}; "
            "put class folders into train, val and test only, or rename the class"
        )
    if missing := [split for split in SPLITS if split not in present]:
        raise DataError(
            f"image_folder: {root} has {' and '.join(present)} but no folder {missing[0]}; add it with class folders, "
            "or put all class folders directly into one folder to have them split"
        )
    return _apart(root, {split: {f.name: _images(f) for f in _folders(root / split)} for split in SPLITS})


def _apart(root: Path, splits: dict[Split, Classes]) -> dict[Split, Classes]:
    """Return `splits`; raise `DataError` if a class is in two of them."""
    seen: dict[str, Split] = {}
    for split, classes in splits.items():
        for name in classes:
            if name in seen:
                raise DataError(
                    f"image_folder: class {name} of {root} is in {seen[name]} and in {split}; "
                    "a class may be in one split only"
                )
            seen[name] = split
    return splits


def _cut(root: Path, classes: Classes, fractions: Sequence[float]) -> dict[Split, Classes]:
    """Split the classes of a flat folder: always the same way for the same names."""
    names = [sorted(classes)[i] for i in Source("image_folder", "split").permutation(len(classes))]
    val, test = (round(share * len(names)) for share in fractions[1:])
    train = len(names) - val - test
    if not names:
        raise DataError(f"image_folder: {root} has no class folders; each class is a folder of images in it")
    if min(train, val, test) < 1:
        raise DataError(
            f"image_folder: the {len(names)} classes of {root} cannot be cut by fractions = {list(fractions)}: that gives "
            f"{train} train, {val} val and {test} test classes; add classes or change the fractions"
        )
    parts = (names[:train], names[train : train + val], names[train + val :])
    return {split: {name: classes[name] for name in sorted(part)} for split, part in zip(SPLITS, parts, strict=True)}


def _folders(root: Path) -> list[Path]:
    return sorted(p for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))


def _images(folder: Path) -> list[Path]:
    files = (p for p in folder.iterdir() if p.suffix.lower() in EXTENSIONS and not p.name.startswith("."))
    return sorted(p for p in files if p.is_file())


def _check(root: Path, split: Split, classes: Classes) -> None:
    if not classes:
        raise DataError(
            f"image_folder: split {split} of {root} has no class folders; put at least one into {root / split}"
        )
    for name, images in classes.items():
        if len(images) < FEWEST_IMAGES:
            raise DataError(
                f"image_folder: class {name} (split {split}) of {root} has {len(images)} images ({', '.join(EXTENSIONS)}), "
                f"but needs at least {FEWEST_IMAGES}; add images or remove the folder"
            )


def _decoded(files: Sequence[Path], config: ImageFolder) -> Arrays:
    images = np.empty((len(files), 1 if config.grayscale else 3, config.size, config.size), dtype=np.uint8)
    for i, file in enumerate(files):
        images[i] = decode(file, config.size, config.grayscale)
    return {"images": images}


def decode(file: Path, size: int, grayscale: bool) -> Bytes:
    """Return an image file as uint8 [1 or 3, size, size]; raises `DataError` if it cannot be read."""
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
