"""Describes what loading a data set will do, for messages shown beforehand."""

from __future__ import annotations

import os
from pathlib import Path

from .config import CifarFS, DataConfig, Glyphs, ImageFolder, Omniglot, OwnData
from .folders import hidden
from .pictures import endings


def loading_message(config: DataConfig, folder: Path) -> str:
    """Return what `load` is about to do, such as "Reading 848 pictures"; `folder` contains downloads and caches."""
    match config:
        case Glyphs():
            return "Reading glyphs" if any(folder.glob("glyphs-*.npz")) else "Drawing glyphs (once, about 20 s)"
        case Omniglot():
            return f"{'Reading' if any(folder.glob('omniglot*')) else 'Downloading'} Omniglot"
        case CifarFS():
            return f"{'Reading' if any(folder.glob('cifar*')) else 'Downloading'} CIFAR-FS"
        case ImageFolder():
            count = count_pictures(config.path)
            return f"Reading {count} picture{'' if count == 1 else 's'} of {config.path.name}"
        case OwnData():
            return "Loading the method's data"


def count_pictures(root: Path) -> int:
    """Return the number of files below `root` with the extension of an image."""
    known, count = endings(), 0
    for _, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not hidden(name)]
        count += sum(os.path.splitext(name)[1].lower() in known and not hidden(name) for name in names)  # noqa: PTH122
    return count
