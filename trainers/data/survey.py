"""Surveys a folder of images: classes, sizes, channels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from .classes import SPLITS, Split
from .config import DataError, ImageFolder
from .image_folder import read_splits
from .pictures import open_picture

SAMPLED = 60
"""Number of images that are opened to determine sizes and modes."""


@dataclass(frozen=True)
class Survey:
    """`splits` has the number of images per class of each split; `side` is the median of the images' shorter sides,
    `grey` whether all opened images are greyscale.
    """

    root: Path
    splits: dict[Split, dict[str, int]]
    side: int
    grey: bool
    notes: tuple[str, ...]

    @property
    def classes(self) -> int:
        """Number of classes in all splits."""
        return sum(len(classes) for classes in self.splits.values())

    @property
    def pictures(self) -> int:
        """Number of images in all classes."""
        return sum(sum(classes.values()) for classes in self.splits.values())

    @property
    def fewest_classes(self) -> int:
        """Number of classes in the smallest split: no task can have more ways."""
        return min(len(classes) for classes in self.splits.values())

    @property
    def smallest(self) -> tuple[str, int]:
        """The class with the fewest images, the first by name, and their number: no task can have more shots and
        queries in total.
        """
        found = [(name, count) for classes in self.splits.values() for name, count in classes.items()]
        return min(found, key=lambda one: (one[1], one[0]))

    @property
    def alike(self) -> bool:
        """Whether all classes have as many images."""
        return self.pictures == self.classes * self.smallest[1]


def survey(root: Path, skip: Path | None = None) -> Survey:
    """Survey a folder of class folders, flat or split, without the images in the list `skip`. Raises DataError if the
    folder's layout is invalid or it cannot be split.
    """
    splits, notes = read_splits(ImageFolder(path=root, skip=skip))
    counts: dict[Split, dict[str, int]] = {
        split: {name: len(files) for name, files in splits[split].items()} for split in SPLITS
    }
    files = [file for classes in splits.values() for pictures in classes.values() for file in pictures]
    if not files:
        raise DataError(f"image_folder: {root} has no pictures; each class is a folder of pictures in it")
    looked = list(_looked_at(files[:: max(1, len(files) // SAMPLED)]))
    side = int(median(side for side, _ in looked)) if looked else 84
    return Survey(root, counts, side, bool(looked) and all(grey for _, grey in looked), tuple(notes))


def _looked_at(files: list[Path]) -> Iterator[tuple[int, bool]]:
    """Yield the shorter side of each readable image, and whether it is greyscale."""
    for file in files:
        try:
            yield open_picture(file, lambda image: (min(image.size), image.mode in ("L", "1", "I;16", "I", "F", "LA")))
        except DataError:
            continue
