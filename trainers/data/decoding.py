"""Decodes all images of a data set, with one common white level, and reports all problems at once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .arrays import Arrays, Bytes
from .bit_depths import DepthError, deep, white_of
from .config import DataError
from .folders import listed
from .pictures import PictureError, open_picture, prepare

Spans = dict[int, tuple[float, float]]
"""Index of an image -> its smallest and its largest value."""
_DIM = 16
"""An image is called dark if its largest value is below white by this factor."""


def decode_all(files: Sequence[Path], size: int, grayscale: bool) -> Arrays:
    """Return `images` uint8 [N, 1 or 3, size, size] of all files, and further arrays.

    `digests` uint64 [N] are digests of the files' content; `kinds` and `whites` are the white levels of images with
    more than 8 bits, by kind; `dark` are messages for the user. Raises DataError that names every unusable file (the
    first 10, and a count).
    """
    images = np.empty((len(files), 1 if grayscale else 3, size, size), dtype=np.uint8)
    digests, problems, spans = np.zeros(len(files), np.uint64), dict[int, str](), dict[str, Spans]()
    for i, file in enumerate(files):
        try:
            found = open_picture(file, lambda image: _first(image, size, grayscale))
            digests[i] = _digest(file)
        except (PictureError, OSError) as error:
            problems[i] = str(error)
            continue
        if isinstance(found, np.ndarray):
            images[i] = found
        else:
            kind, span = found
            spans.setdefault(kind, {})[i] = span
    white = _whites(files, spans, problems)
    for i in [i for kind in white for i in spans[kind]]:
        try:
            images[i] = open_picture(files[i], lambda image: prepare(image, size, grayscale, white=white))
        except PictureError as error:
            problems[i] = str(error)
    if problems:
        raise DataError(listed(sorted(problems.values()), "\n"))
    dark = [line for kind in white for line in _dark(files, kind, white[kind], spans[kind])]
    return {
        "images": images, "digests": digests, "dark": np.array(dark, dtype=str),
        "kinds": np.array(list(white), dtype=str), "whites": np.array(list(white.values()), dtype=float),
    }  # fmt: skip


def white_in(kept: Arrays) -> dict[str, float]:
    """Return the white level of images with more than 8 bits, by kind, from the result of `decode_all`."""
    return dict(zip(kept["kinds"].tolist(), kept["whites"].tolist(), strict=True))


def _first(image: Any, size: int, grayscale: bool) -> Bytes | tuple[str, tuple[float, float]]:
    """Return the pixels of an image; for one whose white level is not known yet, its kind and range of values."""
    picture = deep(image)
    return prepare(image, size, grayscale) if picture is None or picture.white else (picture.kind, picture.span)


def _digest(file: Path) -> int:
    with file.open("rb") as content:
        return int.from_bytes(hashlib.file_digest(content, "sha256").digest()[:8], "big")


def _whites(files: Sequence[Path], spans: Mapping[str, Spans], problems: dict[int, str]) -> dict[str, float]:
    """Return the white level by kind of image; if it cannot be determined, the images responsible are added to
    `problems`.
    """
    white = dict[str, float]()
    for kind, own in spans.items():
        try:
            white[kind] = white_of(kind, min(low for low, _ in own.values()), max(high for _, high in own.values()))
        except DepthError as error:
            alone = {i: message for i, span in own.items() if (message := _why_not(kind, span))}
            highest = max(own, key=lambda i: own[i][1])
            problems |= {i: f"{files[i]} {message}" for i, message in (alone or {highest: str(error)}).items()}
    return white


def _why_not(kind: str, span: tuple[float, float]) -> str:
    try:
        white_of(kind, *span)
    except DepthError as error:
        return str(error)
    return ""


def _dark(files: Sequence[Path], kind: str, white: float, own: Spans) -> list[str]:
    names = [f"{files[i].parent.name}/{files[i].name}" for i, (_, high) in own.items() if 0 < high <= white / _DIM]
    if not names:
        return []
    return [
        f"{len(names)} of {len(own)} pictures with {kind} are dark, with no value above {white / _DIM:.4g} of"
        f" {white:g}: {listed(names)}"
    ]
