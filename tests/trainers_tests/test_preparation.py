from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from trainers.data import CifarFS, DataError, Glyphs, ImageFolder, Omniglot, image_folder, omniglot
from trainers.data.classes import ClassData
from trainers.data.preparation import Preparation, preparation

GREY = Preparation(channels=1, size=8, resize="bicubic", mean=(0.0,), std=(1.0,))
COLOUR = Preparation(channels=3, size=8, resize="bicubic", mean=(0.5, 0.25, 0.0), std=(0.5, 0.25, 1.0))


def noise(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def test_the_network_sees_the_image_on_the_scale_of_the_training_images() -> None:
    white = torch.full((1, 3, 8, 8), 255, dtype=torch.uint8)
    for image in (white, white.float() / 255):
        seen = COLOUR.seen(image, torch.float64, torch.device("cpu"))
        assert seen[0, :, 0, 0].tolist() == [1.0, 3.0, 1.0]  # (1 - 0.5) / 0.5, (1 - 0.25) / 0.25, (1 - 0) / 1


@pytest.mark.parametrize(
    "make",
    [
        lambda pixels: pixels,
        lambda pixels: pixels[:, 0],
        lambda pixels: torch.from_numpy(pixels),
        lambda pixels: pixels.astype(np.int32),
        lambda pixels: pixels.astype(np.uint16),
        lambda pixels: pixels.tolist(),
        lambda pixels: list(pixels),
    ],
    ids=["uint8", "without channel", "tensor", "int32", "uint16", "nested lists", "list of arrays"],
)
def test_grey_images_come_in_many_forms(make: Callable[[Any], Any]) -> None:
    pixels = noise(4, 1, 8, 8)
    assert torch.equal(GREY.images(make(pixels)), torch.from_numpy(pixels))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (noise(4, 1, 9, 9), r"must be \[n, 1, 8, 8\] or \[n, 8, 8\], not \[4, 1, 9, 9\]; or give a list of files"),
        (noise(8, 8), r"not \[8, 8\]"),
        (noise(0, 1, 8, 8), r"not \[0, 1, 8, 8\]"),
        (np.full((1, 8, 8), 255.0), r"floats must lie in \[0, 1\], not in \[255, 255\]; divide by 255"),
        (np.full((1, 8, 8), np.nan), "floats must lie in"),
        (np.full((1, 8, 8), 300), r"must lie in 0 \.\. 255, not in 300 \.\. 300"),
        (np.zeros((1, 8, 8), dtype=bool), "booleans"),
        ("cat.jpg", r"one picture; give a list of pictures, such as \[picture\]"),
        (["cat.jpg", noise(8, 8)], "neither an array of numbers nor a list of files"),
        ([noise(8, 8), noise(9, 9)], "arrays must all have the same shape"),
        (["/nowhere/cat.jpg"], r"cat\.jpg cannot be read as an image"),
    ],
)
def test_images_that_cannot_be_meant_are_named(given: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        GREY.images(given)


def test_channels_last_are_told_how_to_turn() -> None:
    with pytest.raises(DataError, match=r"put the channels first: images\.transpose\(0, 3, 1, 2\)"):
        COLOUR.images(noise(2, 8, 8, 3))


def test_pictures_of_mixed_sizes_and_modes_are_prepared_as_the_folder_loader_does(tmp_path: Path) -> None:
    files = [tmp_path / f"{mode}.png" for mode in ("RGB", "L", "P", "RGBA", "1", "I;16", "LA")]
    for i, file in enumerate(files):
        picture = Image.fromarray(noise(20 + i, 31, 3, seed=i))
        picture.convert("I").convert("I;16").save(file) if file.stem == "I;16" else picture.convert(file.stem).save(
            file
        )
    wanted = np.stack([image_folder.decode(file, 8, False) for file in files])
    assert np.array_equal(COLOUR.images(files).numpy(), wanted)
    assert np.array_equal(COLOUR.images([str(file) for file in files]).numpy(), wanted)
    assert np.array_equal(COLOUR.images([Image.open(file) for file in files]).numpy(), wanted)
    assert np.array_equal(COLOUR.images(np.array([str(file) for file in files])).numpy(), wanted)


@pytest.mark.parametrize("resize", ["nearest", "antialias"])
def test_omniglot_s_drawings_are_prepared_as_its_loader_does(resize: Any) -> None:
    config = Omniglot(resize=resize, size=28)
    drawing = Image.fromarray((noise(105, 105) > 200).astype(np.uint8) * 255).convert("1")
    file = io.BytesIO()
    drawing.save(file, "PNG")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as out:
        out.writestr("x.png", file.getvalue())
    wanted = omniglot.decode(omniglot.Picture("a/b", "x.png", 0, file.getvalue), config)
    data = ClassData("omniglot", torch.zeros(1, 1, 28, 28, dtype=torch.uint8), {"train": (), "val": (), "test": ()})
    assert np.array_equal(preparation(config, data).images([drawing]).numpy(), wanted[None, None])


def test_every_source_says_how_its_pictures_are_scaled(tmp_path: Path) -> None:
    data = ClassData("any", torch.zeros(1, 3, 8, 8, dtype=torch.uint8), {"train": (), "val": (), "test": ()})
    found = [preparation(c, data).resize for c in (Glyphs(), CifarFS(), ImageFolder(path=tmp_path), Omniglot())]
    assert found == ["bicubic", "bicubic", "bicubic", "nearest"]
    assert preparation(Glyphs(), data).shape == (3, 8, 8)
