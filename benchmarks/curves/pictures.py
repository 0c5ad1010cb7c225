"""Generates a folder of colour images by formula: the third problem of the table of curves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from trainers.randomness import Source

CLASSES, PICTURES, SIZE = 60, 12, 28
NOISE = 34.0
"""Standard deviation of the pixel noise, on the scale 0 to 255."""


def draw_pictures(folder: Path) -> Path:
    """Draw the images into `folder`, one subfolder per class, unless they exist; return the folder."""
    done = folder / "drawn"
    if not done.exists():
        for label in range(CLASSES):
            own = folder / "pictures" / f"class{label:02d}"
            own.mkdir(parents=True, exist_ok=True)
            for number in range(PICTURES):
                Image.fromarray(picture(label, number)).save(own / f"{number:02d}.png")
        done.touch()
    return folder / "pictures"


def picture(label: int, number: int) -> NDArray[np.uint8]:
    """Return an image of a class, [SIZE, SIZE, 3]: two gratings in the class's colours, shifted, slightly rotated, in
    another light, with noise.
    """
    of_class, own = Source("picture", label).uniform(12), Source("picture", label, number).uniform(6)
    rows, columns = np.mgrid[:SIZE, :SIZE] / SIZE
    light = np.full((SIZE, SIZE, 3), 90.0)
    for grating in range(2):
        angle, waves, *colour = of_class[6 * grating : 6 * grating + 5]
        turn = np.pi * angle + 0.5 * (own[grating] - 0.5)
        along = np.cos(turn) * rows + np.sin(turn) * columns
        wave = np.sin(2 * np.pi * ((1 + 4 * waves) * along + own[2 + grating]))
        light += wave[..., None] * 90 * (np.array(colour) - 0.5)
    noise = np.sqrt(12) * (Source("pixels", label, number).uniform(light.size).reshape(light.shape) - 0.5)
    return np.asarray((light * (0.6 + 0.8 * own[4]) + NOISE * noise).clip(0, 255), dtype=np.uint8)
