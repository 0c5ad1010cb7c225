"""The data set and its splits: the [data] section of a spec file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from ..errors import InputError
from ..paths import expanded
from ..sections import Section


class DataError(InputError):
    """The data cannot be used; the message says what is wrong, where, and how to fix it."""


def _named(value: object) -> object:
    if value == "":
        raise InputError("must name a folder")
    return value


def _absolute(path: Path) -> Path:
    """Return `path` as an absolute path, which is valid from any folder."""
    return expanded(path).absolute()


class Glyphs(Section):
    """Letters of many scripts, rendered from the fonts that matplotlib ships; no download."""

    source: Literal["glyphs"] = "glyphs"

    @property
    def image_shape(self) -> tuple[int, int]:
        """Channels of the images, and their side in pixels."""
        return 1, 28


class Omniglot(Section):
    """Omniglot (Lake et al. 2015): 1623 characters of 50 alphabets, 20 drawings each."""

    source: Literal["omniglot"] = "omniglot"
    split: Literal["paper", "alphabets"] = Field(
        "paper",
        description="paper: classes shuffled and split 1150/50/423; alphabets: split by alphabet, with the 20 "
        "evaluation alphabets for test and 5 of the 30 background alphabets for validation",
    )
    rotations: Literal["augment", "classes", "off"] = Field(
        "augment",
        description='rotations by multiples of 90 degrees: "augment" rotates each class of a training task at random; '
        '"classes" treats every rotation of a class as a separate class (in all splits); "off" has no '
        "rotations",
    )
    resize: Literal["nearest", "antialias"] = Field(
        "nearest",
        description='"nearest" keeps pixels black or white, as in the released code; "antialias" gives grey levels',
    )
    size: int = Field(28, ge=8, le=105, description="image size in pixels (height and width)")

    @property
    def image_shape(self) -> tuple[int, int]:
        """Channels of the images, and their side in pixels."""
        return 1, self.size


class CifarFS(Section):
    """CIFAR-FS (Bertinetto et al. 2019): the 100 classes of CIFAR-100 in 64/16/20, 600 images each, 32x32."""

    source: Literal["cifar_fs"] = "cifar_fs"

    @property
    def image_shape(self) -> tuple[int, int]:
        """Channels of the images, and their side in pixels."""
        return 3, 32


PLACES = ("path", "skip")
"""Settings of an `ImageFolder` that are paths on this machine."""


class ImageFolder(Section):
    """Your own images: a folder of class folders, flat or already split into train, val and test (as Mini-ImageNet
    is).
    """

    source: Literal["image_folder"] = "image_folder"
    path: Annotated[Path, BeforeValidator(_named), AfterValidator(_absolute)] = Field(
        strict=False,
        description="the image folder: it holds class folders, or the folders train, val and test with class folders "
        "in each. A relative path starts from the current folder, or else from the spec file's",
    )
    size: int = Field(84, ge=8, le=512, description="image size in pixels (height and width)")
    grayscale: bool = Field(False, description="convert images to one grey channel")
    fractions: tuple[float, float, float] = Field(
        (0.64, 0.16, 0.2),
        strict=False,
        description="fractions of the classes for train, val and test; flat folders only",
    )
    skip: Annotated[Path, AfterValidator(_absolute)] | None = Field(
        None,
        strict=False,
        description="a text file with pictures to leave out, a path a line, relative to the image folder; `mamlab data "
        "FOLDER --skip-bad FILE` writes one",
    )
    rotations: Literal["augment", "off"] = Field(
        "off", description='"augment" rotates each class of a training task by a random multiple of 90 degrees'
    )

    @property
    def places(self) -> dict[str, Path]:
        """The settings that are paths on this machine. They may change, because the checksum identifies the data."""
        return {name: path for name in PLACES if (path := getattr(self, name)) is not None}

    @property
    def image_shape(self) -> tuple[int, int]:
        """Channels of the images, and their side in pixels."""
        return 1 if self.grayscale else 3, self.size

    @model_validator(mode="after")
    def _fractions_fill_one(self) -> ImageFolder:
        if min(self.fractions) <= 0 or abs(sum(self.fractions) - 1) > 1e-6:
            raise InputError(
                "fractions must be three positive numbers (train, val, test) that add up to 1, not "
                f"{list(self.fractions)}"
            )
        return self


class OwnData(Section):
    """Data that a method of your own loads itself; all other keys are passed to it unchanged."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)

    source: Literal["method"] = "method"


DataConfig = Annotated[Glyphs | Omniglot | CifarFS | ImageFolder | OwnData, Field(discriminator="source")]
"""The settings of one data set; `source` selects the class."""
