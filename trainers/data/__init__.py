"""Loads classes of images from one of four sources with `load`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .config import CifarFS, DataConfig, DataError, Glyphs, ImageFolder, Omniglot, OwnData

if TYPE_CHECKING:
    from .classes import ClassData

__all__ = [
    "CifarFS",
    "DataConfig",
    "DataError",
    "Glyphs",
    "ImageFolder",
    "Omniglot",
    "OwnData",
    "load",
    "require",
    "require_classes",
    "require_images",
]


def load(config: DataConfig, folder: Path) -> ClassData:
    """Return the data set that `config` names, on the CPU.

    Downloads and caches are kept in `folder`. Raises `DataError` if files are missing, unreadable or too few.
    """
    match config:
        case Glyphs():
            from . import glyphs

            return glyphs.load(folder)
        case Omniglot():
            from . import omniglot

            return omniglot.load(config, folder)
        case CifarFS():
            from . import cifar_fs

            return cifar_fs.load(folder)
        case ImageFolder():
            from . import image_folder

            return image_folder.load(config, folder)
        case OwnData():
            raise DataError(
                'data.source = "method": only a method of your own has data of its own; name another source'
            )


def require(data: ClassData, ways: int, shots: int, queries: int) -> None:
    """Raise `DataError` if a split has fewer classes than `ways`, or a class fewer images than a task takes of it."""
    require_classes(data, ways)
    require_images(data, shots, queries)


def require_classes(data: ClassData, ways: int) -> None:
    """Raise `DataError` if a split has fewer classes than `ways`; it names the smallest."""
    split, classes = min(data.splits.items(), key=lambda item: len(item[1]))
    if len(classes) < ways:
        raise DataError(
            f"{data.name}: split {split} has {len(classes)} classes, but a task needs {ways} (ways); "
            f"use at most {len(classes)} ways, or give {split} more classes"
        )


def require_images(data: ClassData, shots: int, queries: int) -> None:
    """Raise `DataError` if a class has fewer images than a task takes of it; it names the smallest."""
    found = [(one.count, split, one.name) for split, classes in data.splits.items() for one in classes]
    count, split, name = min(found, key=lambda one: one[0])
    if count < shots + queries:
        raise DataError(
            f"{data.name}: class {name} of split {split} has {count} images, but a task needs "
            f"{shots + queries} ({shots} shots + {queries} queries); add images, remove the class, "
            "or use fewer shots or queries"
        )
