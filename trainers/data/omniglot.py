"""Omniglot (Lake, Salakhutdinov, Tenenbaum 2015), from unpacked folders, from zip files, or downloaded.

Images are [1, size, size] with the files' own values: ink is 0 on 255.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

import numpy as np
import torch

from ..randomness import Source
from .arrays import Arrays, Bytes, cached
from .classes import ClassData, ClassRange, Split
from .config import DataError, Omniglot
from .folders import hidden

PARTS = {"images_background": 964, "images_evaluation": 659}
"""Number of classes in each of Omniglot's two zip files."""
IMAGES_A_CLASS = 20
PAPER_SPLIT: dict[Split, int] = {"train": 1150, "val": 50, "test": 423}
VALIDATION_ALPHABETS = 5


@dataclass(frozen=True)
class Picture:
    """One file: its class ("Greek/character01"), its name, a version that changes with the file, and its bytes."""

    label: str
    name: str
    version: int
    read: Callable[[], bytes]


Parts = dict[str, list[Picture]]
"""The pictures in each of `PARTS`."""


def load(config: Omniglot, folder: Path) -> ClassData:
    """Return Omniglot from `folder`/omniglot-py; decoded images (4 s) and the list of the zip files' content are cached
    in `folder`.

    Raises `DataError` if files are missing and cannot be downloaded, are unreadable, or are not Omniglot's.
    """
    _download_missing(folder)
    parts = cache(lambda: _parts(folder))
    listing = _listing(folder, parts)
    path = folder / f"omniglot-{config.resize}-{config.size}-{listing['key']}.npz"
    images = cached(path, lambda: _decoded([p for found in parts().values() for p in found], config))["images"]
    splits = split(config, listing["labels"].tolist(), set(listing["evaluation"].tolist()))
    return ClassData(
        "omniglot", torch.from_numpy(images[:, None]), splits, rotate_training=config.rotations == "augment"
    )


def _listing(folder: Path, parts: Callable[[], Parts]) -> Arrays:
    """Return a `key` of all files, the `labels` in order and those of the `evaluation` part.

    Listing zip files takes most of a second, so the list is cached as long as the files do not change.
    """
    archives = [folder / "omniglot-py" / f"{part}.zip" for part in PARTS]
    if any(archive.with_suffix("").is_dir() for archive in archives):
        return _listed(parts())
    found = [(archive.name, archive.stat().st_size, archive.stat().st_mtime_ns) for archive in archives]
    return cached(folder / f"omniglot-listing-{_digest(found)}.npz", lambda: _listed(parts()))


def _listed(parts: Parts) -> Arrays:
    everything = [picture for found in parts.values() for picture in found]
    return {
        "key": np.array(_digest([(p.label, p.name, p.version) for p in everything])),
        "labels": np.array(list(dict.fromkeys(p.label for p in everything))),
        "evaluation": np.array(list(dict.fromkeys(p.label for p in parts["images_evaluation"]))),
    }


def _digest(found: object) -> str:
    return hashlib.sha256(repr(found).encode()).hexdigest()[:12]


def _parts(folder: Path) -> Parts:
    """Return the images of each part. Raises `DataError` if they are not Omniglot's."""
    parts = {part: pictures(folder / "omniglot-py", part) for part in PARTS}
    for part, found in parts.items():
        check(part, found)
    return parts


def _download_missing(folder: Path) -> None:
    for part in PARTS:
        place = folder / "omniglot-py" / part
        if not place.is_dir() and not place.with_suffix(".zip").is_file():
            from torchvision.datasets import Omniglot as Download

            try:
                Download(str(folder), background=part == "images_background", download=True)
            except (OSError, RuntimeError) as error:
                raise DataError(
                    f"omniglot: {place}.zip is missing and could not be downloaded ({error}); put images_background.zip"
                    " and images_evaluation.zip from https://github.com/brendenlake/omniglot/tree/master/python (or"
                    f" the folders they unpack to) into {place.parent}"
                ) from error


def pictures(folder: Path, part: str) -> list[Picture]:
    """Return the images of a part in order, from the folder `part` or from `part`.zip, which is not unpacked."""
    if (folder / part).is_dir():
        found = [
            Picture("/".join(p.parts[-3:-1]), p.name, p.stat().st_mtime_ns, p.read_bytes)
            for p in (folder / part).glob("*/*/*")
            if _is_picture(p.relative_to(folder).parts) and p.is_file()
        ]
    else:
        found = _zipped(folder / f"{part}.zip")
    return _once(sorted(found, key=lambda picture: (picture.label, picture.name)))


def _is_picture(parts: Sequence[str]) -> bool:
    return parts[-1].lower().endswith(".png") and not any(map(hidden, parts))


def _once(found: list[Picture]) -> list[Picture]:
    """Drop duplicates in classes with too many files: the same content under another name, or packed twice."""
    counts = Counter(picture.label for picture in found)
    seen, kept = set[tuple[str, bytes]](), list[Picture]()
    for picture in found:
        if counts[picture.label] > IMAGES_A_CLASS:
            content = (picture.label, hashlib.sha256(picture.read()).digest())
            if content in seen:
                continue
            seen.add(content)
        kept.append(picture)
    return kept


def _zipped(path: Path) -> list[Picture]:
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f"omniglot: {path} cannot be read as a zip file ({error}); get it again") from error
    found = []
    for member in archive.infolist():
        place = PurePosixPath(member.filename)
        if len(place.parts) >= 4 and _is_picture(place.parts):
            label = "/".join(place.parts[-3:-1])
            found.append(Picture(label, place.name, member.CRC, lambda m=member: archive.read(m)))  # type: ignore[misc]
    return found


def check(part: str, found: Sequence[Picture]) -> None:
    """Raise `DataError` unless the part has Omniglot's number of classes, with 20 images each."""
    counts: dict[str, int] = {}
    for picture in found:
        counts[picture.label] = counts.get(picture.label, 0) + 1
    if len(counts) != PARTS[part]:
        raise DataError(
            f"omniglot: {part} has {len(counts)} classes (folders <alphabet>/character<NN> of PNG files), but Omniglot"
            f" has {PARTS[part]}; unpack {part}.zip again, or put the zip file there and remove the folder"
        )
    for label, count in counts.items():
        if count != IMAGES_A_CLASS:
            raise DataError(
                f"omniglot: class {label} of {part} has {count} images instead of {IMAGES_A_CLASS}; get {part}.zip"
                " again"
            )


def _decoded(found: Sequence[Picture], config: Omniglot) -> Arrays:
    return {"images": np.stack([decode(picture, config) for picture in found])}


def decode(picture: Picture, config: Omniglot) -> Bytes:
    """Return an image as uint8 [size, size]; raises `DataError` for an unreadable file."""
    from PIL import Image

    method = Image.Resampling.NEAREST if config.resize == "nearest" else Image.Resampling.BILINEAR
    try:
        with Image.open(io.BytesIO(picture.read())) as image:
            return np.asarray(image.convert("L").resize((config.size, config.size), method))
    except (OSError, SyntaxError, zipfile.BadZipFile) as error:
        raise DataError(
            f"omniglot: {picture.label}/{picture.name} is not a readable image ({error}); get it again"
        ) from error


def split(config: Omniglot, labels: Sequence[str], evaluation: set[str]) -> dict[Split, tuple[ClassRange, ...]]:
    """Return the splits of classes with 20 consecutive images each; `evaluation`: labels of that part."""
    names = _paper(labels) if config.split == "paper" else _alphabets(labels, evaluation)
    first = {label: IMAGES_A_CLASS * i for i, label in enumerate(labels)}
    rotations = range(4) if config.rotations == "classes" else range(1)
    return {
        part: tuple(ClassRange(name, first[name], IMAGES_A_CLASS, turn) for name in chosen for turn in rotations)
        for part, chosen in names.items()
    }


def _paper(labels: Sequence[str]) -> dict[Split, list[str]]:
    order = [sorted(labels)[i] for i in Source("omniglot", "split").permutation(len(labels))]
    train, val = PAPER_SPLIT["train"], PAPER_SPLIT["val"]
    return {"train": order[:train], "val": order[train : train + val], "test": order[train + val :]}


def _alphabets(labels: Sequence[str], evaluation: set[str]) -> dict[Split, list[str]]:
    background = sorted({label.split("/")[0] for label in labels if label not in evaluation})
    chosen = {background[i] for i in Source("omniglot", "split").permutation(len(background))[:VALIDATION_ALPHABETS]}
    return {
        "train": [n for n in labels if n not in evaluation and n.split("/")[0] not in chosen],
        "val": [n for n in labels if n not in evaluation and n.split("/")[0] in chosen],
        "test": [n for n in labels if n in evaluation],
    }
