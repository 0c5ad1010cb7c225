"""Decodes image files of any mode to uint8 pixels: training, exported and served models share this decoder."""

from __future__ import annotations

import struct
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np

from .arrays import Bytes
from .bit_depths import COLOUR, DepthError, White, deep, eight_bits, white_of
from .config import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

T = TypeVar("T")
Resize = Literal["bicubic", "bilinear", "nearest"]

LARGEST = 2 * 89_478_485
"""Pixels of the largest image allowed in a data set: Pillow's own limit."""
LARGEST_GIVEN = 89_478_485
"""Pixels of the largest image that a model accepts, from anyone who can reach it: where Pillow warns of a decompression
bomb.
"""
_NOT_DECODED = ("BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF")
"""Formats that Pillow recognises but does not decode itself; EPS is a program that Ghostscript would run."""
_ALWAYS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm")
_ORIENTATION = 0x112
_CHECK = threading.Lock()


class PictureError(DataError):
    """An image that cannot be used; the message names it."""


@cache
def endings() -> frozenset[str]:
    """Return the extensions of readable image files, in lower case, such as ".png"."""
    from PIL import Image

    known = Image.registered_extensions()
    return frozenset(_ALWAYS) | {ending.lower() for ending, kind in known.items() if kind in _formats()}


@cache
def _formats() -> tuple[str, ...]:
    from PIL import Image

    Image.init()
    return tuple(kind for kind in Image.ID if kind not in _NOT_DECODED)


def open_picture(file: Path | IO[bytes], then: Callable[[Image], T], name: str = "", most: int = LARGEST) -> T:
    """Return the result of `then` for the image in `file`, which messages call `name` (default: the file's name).

    Raises PictureError if it cannot be read, or, before decoding, if it has more than `most` pixels.
    """
    from PIL import Image

    name = name or str(file)
    with named(name):
        try:
            opened = Image.open(file, formats=_formats())
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            refuse_large(_size(file), name, 0)
            raise
        with opened:
            refuse_large(opened.size, name, most)
            return then(opened)


@contextmanager
def named(name: str) -> Iterator[None]:
    """Raise PictureError, about the image `name`, for any exception raised in the block."""
    try:
        yield
    except PictureError:
        raise
    except DepthError as error:
        raise PictureError(f"{name} {error}") from None
    except Exception as error:  # decoders raise exceptions of any type
        raise PictureError(f"{name} cannot be read as an image ({_said(error)}); replace or remove it") from error


def refuse_large(size: tuple[int, int], name: str, most: int) -> None:
    """Raise PictureError for an image of `size` (width, height) with more than `most` pixels."""
    if size[0] * size[1] > most:
        raise PictureError(f"{name} is too large ({size[0]} x {size[1]}); scale it down")


def _size(file: Path | IO[bytes]) -> tuple[int, int]:
    """Return width and height of an image that Pillow refuses to open because of its size. Only its header is read."""
    from PIL import Image

    if not isinstance(file, Path):
        file.seek(0)
    with _CHECK:
        most, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            with Image.open(file, formats=_formats()) as opened:
                return opened.size
        finally:
            Image.MAX_IMAGE_PIXELS = most


def _said(error: Exception) -> str:
    """Return a decoder's message in one line, without the file name."""
    if type(error).__name__ == "UnidentifiedImageError":
        return "it is damaged, or its format is not supported"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__


def prepare(image: Image, size: int, grayscale: bool, resize: Resize = "bicubic", white: White | None = None) -> Bytes:
    """Return an image as uint8 [1 or 3, size, size]: its largest centred square, resized.

    Turned upright if its EXIF says so, transparent parts on white, more than 8 bits reduced to 8, the first picture of
    several.

    Args:
        image: of any mode.
        size: side in pixels.
        grayscale: convert images to one grey channel.
        resize: the filter.
        white: what is white in pictures of more than 8 bits, by their kind; for a kind that it lacks, the picture's own
            values tell.

    Raises DepthError where they do not.
    """
    from PIL import Image as Images
    from PIL import ImageOps

    plain = _upright(_eight_bit(image, white or {}), orientation(image))
    if plain.mode in ("HSV", "LAB"):
        plain = plain.convert("RGB")
    pixels = np.asarray(
        ImageOps.fit(plain.convert("L" if grayscale else "RGB"), (size, size), Images.Resampling[resize.upper()])
    )
    return pixels.reshape(size, size, -1).transpose(2, 0, 1)


def _eight_bit(image: Image, white: White) -> Image:
    """Return an image that Pillow converts without loss: no transparency, at most 8 bits."""
    from PIL import Image as Images

    if (picture := deep(image)) is not None:
        known = picture.white or white.get(picture.kind) or white_of(picture.kind, *picture.span)
        if picture.kind != COLOUR:
            return Images.fromarray(eight_bits(picture, known))
        eight_bits(picture, known)
    if image.mode == "La":
        image = image.convert("LA")
    if image.has_transparency_data:
        ground = Images.new("RGBA", image.size, "white")
        return Images.alpha_composite(ground, image.convert("RGBA"))
    return image


def _upright(image: Image, turned: int) -> Image:
    from PIL.Image import Transpose

    methods = {
        2: Transpose.FLIP_LEFT_RIGHT, 3: Transpose.ROTATE_180, 4: Transpose.FLIP_TOP_BOTTOM, 5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270, 7: Transpose.TRANSVERSE, 8: Transpose.ROTATE_90,
    }  # fmt: skip
    return image.transpose(methods[turned]) if turned in methods else image


def orientation(image: Image) -> int:
    """Return the EXIF orientation of an image, 1 (upright) to 8; the rest of its EXIF data may be damaged."""
    exif = image.info.get("exif")
    found = _orientation_in(exif) if isinstance(exif, bytes) else None
    if found is not None:
        return found
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value: Any = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # too damaged for Pillow
        return 1
    return value if isinstance(value, int) else 1


def _orientation_in(exif: bytes) -> int | None:
    """Return the orientation in the first directory of EXIF data; None if it has none. Nothing else is read."""
    data = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    try:
        if order is None:
            return None
        (first,) = struct.unpack_from(f"{order}I", data, 4)
        (count,) = struct.unpack_from(f"{order}H", data, first)
        for place in range(first + 2, first + 2 + 12 * count, 12):
            tag, kind, number = struct.unpack_from(f"{order}HHI", data, place)
            if tag == _ORIENTATION and kind in (1, 3, 4) and number:
                return int(struct.unpack_from(order + {1: "B", 3: "H", 4: "I"}[kind], data, place + 8)[0])
    except struct.error:
        pass
    return None
