"""Surveys a folder of pictures: classes, sizes, channels."""

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
"""Number of pictures opened to see their sizes and modes."""


@dataclass(frozen=True)
class Survey:
    """`splits` has the number of pictures of each class of each split; `side` is the median of the pictures' shorter
    sides, `grey` says whether all that were looked at are.
    """

    root: Path
    splits: dict[Split, dict[str, int]]
    side: int
    grey: bool
    notes: tuple[str, ...]

    @property
    def classes(self) -> int:
        """Classes of all splits."""
        return sum(len(classes) for classes in self.splits.values())

    @property
    def pictures(self) -> int:
        """Pictures of all classes."""
        return sum(sum(classes.values()) for classes in self.splits.values())

    @property
    def fewest_classes(self) -> int:
        """Classes of the smallest split: no task can have more ways."""
        return min(len(classes) for classes in self.splits.values())

    @property
    def smallest(self) -> tuple[str, int]:
        """The class with the fewest pictures, and how many it has: no task can take more shots and queries."""
        found = [(name, count) for classes in self.splits.values() for name, count in classes.items()]
        return min(found, key=lambda one: one[1])


def survey(root: Path, skip: Path | None = None) -> Survey:
    """Look at a folder of class folders, flat or split, without the pictures that the list `skip` names. Raises
    DataError for one that cannot be understood or cut.
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
    """Yield the shorter side of each picture that can be read, and whether it is grey."""
    for file in files:
        try:
            yield open_picture(file, lambda image: (min(image.size), image.mode in ("L", "1", "I;16", "I", "F", "LA")))
        except DataError:
            continue
