"""Pictures of more than 8 bits a channel: which of their values is white.

A file says how many bits a value has, and often uses fewer: 10 bits in 16, or 0 .. 255 in 32. Then only the values
tell, and those of one picture, which may be dark, tell less than those of a whole data set. So white is found once for
all pictures of one kind in a data set, and kept with the model, which decodes a picture as the training did.
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
"""Kind of picture -> its white."""

FLOATS, INTEGERS, SIXTEEN, COLOUR = "floats", "32-bit integers", "16 bits", "16 bits a channel"
DEPTHS = (255, 1023, 4095, 16383, 65535)
"""White of 8, 10, 12, 14 and 16 bits."""
SLACK = 0.05
"""A share of white by which floats may lie beyond black and white, as scaling with some filters leaves them; cut
off.
"""
NEARLY_BLACK = 64
"""A picture whose largest value is so many times below white would come out black: it is of another depth than the
others.
"""
WAY_OUT = "save the picture with 8 bits a channel, or its values scaled so that white is {white}"


class DepthError(ValueError):
    """What the values of a picture mean cannot be told; the message goes on from the picture's name."""


@dataclass(frozen=True)
class Deep:
    """The values of a picture with more than 8 bits.

    Attributes:
        kind: FLOATS, INTEGERS, SIXTEEN (all grey, values [H, W]) or COLOUR (values reduced to 8 bits by the decoder).
        inverted: whether 0 is white.
        white: what the file itself declares; None if it declares no more than the size of its values.
    """

    kind: str
    values: NDArray[Any]
    inverted: bool = False
    white: float | None = None

    @property
    def span(self) -> tuple[float, float]:
        """Smallest and largest value. Raises DepthError for what is no number."""
        low, high = float(self.values.min()), float(self.values.max())
        if not np.isfinite([low, high]).all():
            raise DepthError("holds values that are no numbers (NaN or infinity); replace them")
        return low, high


def deep(image: Image) -> Deep | None:
    """Return the values of a picture with more than 8 bits a channel; None for any other. Reads its pixels."""
    coded = "".join(str(tile[3]) for tile in getattr(image, "tile", ()))  # gone once the pixels are read
    image.load()
    if image.mode == "F":
        return Deep(FLOATS, np.asarray(image, np.float64), _tag(image, 262) == 0)
    if image.mode.startswith("I"):
        bits = _tag(image, 258)
        declared = float(2**bits - 1) if isinstance(bits, int) and 8 < bits < 16 else None
        kind = INTEGERS if image.mode == "I" else SIXTEEN
        return Deep(kind, np.asarray(image).astype(np.int64), _tag(image, 262) == 0, declared)
    if ";16" in coded:
        bands = zip(image.getbands(), image.split(), strict=True)
        return Deep(COLOUR, np.stack([np.asarray(band) for name, band in bands if name not in "AaX"]))
    return None


def _tag(image: Image, number: int) -> Any:
    """Return a TIFF tag's value, or None."""
    value = getattr(image, "tag_v2", {}).get(number)
    return value[0] if isinstance(value, tuple) and value else value


def white_of(kind: str, low: float, high: float) -> float:
    """Return the white of pictures of `kind` whose values go from `low` to `high`. Raises DepthError if it cannot be
    told.
    """
    if kind == COLOUR:
        if 0 < high <= 63:  # of the upper 8 bits: at most 14 bits of 16 are used
            raise DepthError(
                f"has 16 bits a channel and uses fewer: no value is above {high / 255:.1%} of white; " + _way_out(65535)
            )
        return 255
    whites = [1, 255] if kind == FLOATS else DEPTHS
    slack = SLACK if kind == FLOATS else 0.0
    for white in whites:
        least = white // 16 if kind == FLOATS else 0  # floats up to 2, say, are neither
        if -slack * white <= low and least <= high <= (1 + slack) * white:
            return white
    known = "0 .. 1 or 0 .. 255" if kind == FLOATS else "0 .. 255, 1023, 4095, 16383 or 65535"
    raise DepthError(f"holds values from {low:g} to {high:g}, of which white cannot be told ({known}); {_way_out(255)}")


def eight_bits(picture: Deep, white: float) -> Bytes:
    """Return a grey picture as uint8 [H, W]: 255 where its value is `white`. Raises DepthError for values out of
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
