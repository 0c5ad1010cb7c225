"""Preparation of images as network input; an exported model stores it.

Shapes: n images, C channels, H W image.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from ..sections import Section
from .arrays import Bytes
from .classes import ClassData
from .config import CifarFS, DataConfig, DataError, Glyphs, ImageFolder, Omniglot
from .pictures import LARGEST_GIVEN, Resize, named, open_picture, prepare, refuse_large

if TYPE_CHECKING:
    from PIL.Image import Image


class Preparation(Section):
    """Converts an image of any size and mode to [C, size, size], and further to the network's input."""

    channels: Literal[1, 3] = Field(description="1: grey; 3: red, green, blue")
    size: int = Field(ge=1, description="image size in pixels (height and width)")
    resize: Resize = Field(description="filter with which pictures of another size are scaled")
    mean: tuple[float, ...] = Field(description="per channel, on the scale of [0, 1]")
    std: tuple[float, ...] = Field(description="per channel; the network sees (image - mean) / std")
    white: dict[str, float] = Field(
        default_factory=dict,
        description="which value was white in the data set's pictures of more than 8 bits, by their kind",
    )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape [C, H, W] of an image."""
        return self.channels, self.size, self.size

    def images(self, given: Any) -> Tensor:
        """Return images [n, C, H, W], uint8 or floats in [0, 1], of an array, a tensor, or a list of pictures.

        Args:
            given: an array or tensor [n, C, H, W] (or [n, H, W] for grey), uint8 in 0 .. 255 or floats in [0, 1]; or a
                list of files (paths) or PIL images of any size and mode.

        Raises DataError, naming what is wrong and what was expected, also for an unreadable file.
        """
        if isinstance(given, str | Path) or hasattr(given, "convert"):
            raise DataError("images: one picture; give a list of pictures, such as [picture]")
        if not isinstance(given, Tensor):
            items = list(given) if isinstance(given, Sequence) else given
            kind = getattr(given, "dtype", None)
            if isinstance(items, list) or getattr(kind, "kind", "") in "UO":
                items = list(items)
                if items and all(isinstance(one, str | Path) or hasattr(one, "convert") for one in items):
                    pixels = [self.pixels(one, f"picture {place}") for place, one in enumerate(items, 1)]
                    return torch.from_numpy(np.stack(pixels))
            given = _tensor(items)
        return self._checked(given)

    def pixels(self, picture: Any, name: str = "the picture") -> Bytes:
        """Return a file (path, or open for reading) or PIL image as uint8 [C, H, W], as the data set's loader would.

        Raises DataError, which names the path, or `name` for anything else; before decoding if the image is too large.
        """
        if isinstance(picture, str | Path):
            return open_picture(Path(picture), self._prepared, most=LARGEST_GIVEN)
        if not hasattr(picture, "convert"):
            return open_picture(picture, self._prepared, name, LARGEST_GIVEN)
        with named(name):
            refuse_large(picture.size, name, LARGEST_GIVEN)
            return self._prepared(picture)

    def _prepared(self, image: Image) -> Bytes:
        return prepare(image, self.size, self.channels == 1, self.resize, self.white)

    def seen(self, images: Tensor, dtype: torch.dtype, device: torch.device) -> Tensor:
        """Return the network's input for `images` [n, C, H, W], uint8 or floats in [0, 1]."""
        images = images.to(device)
        images = images.to(dtype) / 255 if images.dtype == torch.uint8 else images.to(dtype)
        mean, std = (torch.tensor(v, dtype=dtype, device=device)[:, None, None] for v in (self.mean, self.std))
        return (images - mean) / std

    def _checked(self, images: Tensor) -> Tensor:
        images = images.detach()
        if images.dim() == 3 and self.channels == 1:
            images = images[:, None]
        if tuple(images.shape[1:]) != self.shape or not len(images):
            raise DataError(f"images: {self._expected()}, not {list(images.shape)}; {self._way_out(images)}")
        if images.dtype == torch.bool:
            raise DataError("images: booleans; give uint8 (0 .. 255) or floats in [0, 1], such as images * 255")
        if not images.is_floating_point():
            return _bytes(images)
        low, high = (float(value) for value in images.aminmax())
        if not (low >= 0 and high <= 1):  # also for NaN
            raise DataError(
                f"images: floats must lie in [0, 1], not in [{low:g}, {high:g}]; divide by 255, or give uint8 as it "
                "is. "
                "Mean and standard deviation are taken care of by the model"
            )
        return images

    def _expected(self) -> str:
        channels, size, _ = self.shape
        flat = f" or [n, {size}, {size}]" if channels == 1 else ""
        return f"must be [n, {channels}, {size}, {size}]{flat}"

    def _way_out(self, images: Tensor) -> str:
        if images.dim() == 4 and tuple(images.shape[1:]) == (self.size, self.size, self.channels):
            return "put the channels first: images.transpose(0, 3, 1, 2)"
        return "or give a list of files or PIL images, which are cropped, scaled and converted as in training"


def preparation(config: DataConfig, data: ClassData) -> Preparation:
    """Return how the images of `data`, which `config` describes, were prepared."""
    size = data.images.shape[-1]
    resize: Resize
    match config:
        case Omniglot(resize="nearest"):
            resize = "nearest"
        case Omniglot():
            resize = "bilinear"
        case Glyphs() | CifarFS() | ImageFolder():
            resize = "bicubic"
    channels: Literal[1, 3] = 3 if data.images.shape[1] == 3 else 1
    return Preparation(
        channels=channels, size=size, resize=resize, mean=data.mean, std=data.std, white=dict(data.white)
    )


def _tensor(given: Any) -> Tensor:
    try:
        array = np.ascontiguousarray(np.asarray(given))
        if array.dtype.kind == "u" and array.itemsize > 1:
            array = array.astype(np.int64)  # torch has few operations on the other unsigned types
        return torch.from_numpy(array)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"images: neither an array of numbers nor a list of files or PIL images ({str(error).splitlines()[0]}); "
            "arrays must all have the same shape"
        ) from None


def _bytes(images: Tensor) -> Tensor:
    if images.dtype == torch.uint8:
        return images
    low, high = (int(value) for value in images.aminmax())
    if low < 0 or high > 255:
        raise DataError(f"images: whole numbers must lie in 0 .. 255, not in {low} .. {high}; scale them to uint8")
    return images.to(torch.uint8)
