"""Images with more than 8 bits per channel: which value is white.

A file declares the number of bits of a value, but often uses fewer: 10 of 16 bits, or 0 .. 255 of 32 bits. Then the
white level must be derived from the values. A single image, which may be dark, is less reliable for this than the whole
data set, so white is determined once for all images of one kind in a data set. It is stored with the model, which then
decodes images as in training.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .arrays import Bytes

if TYPE_CHECKING:
    from PIL.Image import Image

White = Mapping[str, float]
"""Kind of image -> its white level."""

FLOATS, INTEGERS, SIXTEEN, COLOUR = "floats", "32-bit integers", "16 bits", "16 bits per channel"
DEPTHS = (255, 1023, 4095, 16383, 65535)
"""White levels of 8, 10, 12, 14 and 16 bits."""
SLACK = 0.05
"""Share of white by which floats may lie outside the range from black to white, as some resampling filters leave them;
clipped.
"""
NEARLY_BLACK = 64
"""An image whose largest value is this many times smaller than white would come out black: its depth differs from the
others'.
"""
WAY_OUT = "save the picture with 8 bits per channel, or its values scaled so that white is {white}"


class DepthError(ValueError):
    """The range of an image's values is unknown; the message continues a sentence that starts with the image's name."""


@dataclass(frozen=True)
class DeepImage:
    """The values of an image with more than 8 bits per channel.

    Attributes:
        kind: FLOATS, INTEGERS, SIXTEEN (all grey, values [H, W]) or COLOUR (values reduced to 8 bits by the decoder).
        inverted: whether 0 is white.
        white: the white level that the file declares; None if it only declares the size of its values.
    """

    kind: str
    values: NDArray[Any]
    inverted: bool = False
    white: float | None = None

    @property
    def span(self) -> tuple[float, float]:
        """Smallest and largest value. Raises DepthError for NaN or infinity."""
        low, high = float(self.values.min()), float(self.values.max())
        if not np.isfinite([low, high]).all():
            raise DepthError("holds values that are no numbers (NaN or infinity); replace them")
        return low, high


def deep(image: Image) -> DeepImage | None:
    """Return the values of an image with more than 8 bits per channel; None for any other image. Reads its pixels."""
    coded = "".join(str(tile[3]) for tile in getattr(image, "tile", ()))  # gone once the pixels are read
    image.load()
    if image.mode == "F":
        return DeepImage(FLOATS, np.asarray(image, np.float64), _tag(image, 262) == 0)
    if image.mode.startswith("I"):
        bits = _tag(image, 258)
        declared = float(2**bits - 1) if isinstance(bits, int) and 8 < bits < 16 else None
        kind = INTEGERS if image.mode == "I" else SIXTEEN
        return DeepImage(kind, np.asarray(image).astype(np.int64), _tag(image, 262) == 0, declared)
    if ";16" in coded:
        bands = zip(image.getbands(), image.split(), strict=True)
        return DeepImage(COLOUR, np.stack([np.asarray(band) for name, band in bands if name not in "AaX"]))
    return None


def _tag(image: Image, number: int) -> Any:
    """Return a TIFF tag's value, or None."""
    value = getattr(image, "tag_v2", {}).get(number)
    return value[0] if isinstance(value, tuple) and value else value


def white_of(kind: str, low: float, high: float) -> float:
    """Return the white level of images of `kind` with values from `low` to `high`. Raises DepthError if it cannot be
    determined.
    """
    if kind == COLOUR:
        if 0 < high <= 63:  # in the upper 8 bits: at most 14 of 16 bits are used
            raise DepthError(
                f"has 16 bits per channel and uses fewer: no value is above {high / 255:.1%} of white; "
                + _way_out(65535)
            )
        return 255
    whites = [1, 255] if kind == FLOATS else DEPTHS
    slack = SLACK if kind == FLOATS else 0.0
    for white in whites:
        least = white // 16 if kind == FLOATS else 0  # floats up to 2, for example, fit neither range
        if -slack * white <= low and least <= high <= (1 + slack) * white:
            return white
    known = "0 .. 1 or 0 .. 255" if kind == FLOATS else "0 .. 255, 1023, 4095, 16383 or 65535"
    raise DepthError(f"holds values from {low:g} to {high:g}, so its white level is unknown ({known}); {_way_out(255)}")


def eight_bits(picture: DeepImage, white: float) -> Bytes:
    """Return a greyscale image as uint8 [H, W], in which `white` becomes 255. Raises DepthError for values out of
    range.
    """
    low, high = picture.span
    slack = SLACK if picture.kind == FLOATS else 0.0
    if not (-slack * white <= low and high <= (1 + slack) * white):
        raise DepthError(f"holds values from {low:g} to {high:g}, but white is {white:g} here; {_way_out(white)}")
    if 0 < high <= white / NEARLY_BLACK:
        raise DepthError(
            f"is all but black: no value is above {high:g}, and white is {white:g} here; {_way_out(white)}"
        )
    values = picture.values.clip(0, white)
    values = white - values if picture.inverted else values
    if white == DEPTHS[-1]:
        return (values.astype(np.int64) >> 8).astype(np.uint8)
    if white == 255:
        return values.astype(np.uint8)
    return np.rint(values * (255 / white)).astype(np.uint8)


def _way_out(white: float) -> str:
    return WAY_OUT.format(white=f"{white:g}")
