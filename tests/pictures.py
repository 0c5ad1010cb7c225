"""A folder of pictures as a newcomer has them: RGB and other modes, sizes as they come, one folder a class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

MODES = ("RGB", "RGBA", "L", "P", "CMYK", "LA")
ENDINGS = {"RGB": "jpg", "CMYK": "jpg"}


def make_pictures(root: Path, classes: int = 18, pictures: int = 4) -> Path:
    """Write `classes` folders of pictures: each class has a colour and a direction of its stripes, each picture a size and noise."""
    for c in range(classes):
        (root / f"class{c:02d}").mkdir(parents=True)
        for p in range(pictures):
            mode = MODES[(c + p) % len(MODES)]
            file = root / f"class{c:02d}" / f"{p}.{ENDINGS.get(mode, 'png')}"
            _picture(c, p).convert(mode).save(file)
    return root


def _picture(c: int, p: int) -> Image.Image:
    random = np.random.default_rng([c, p])
    height, width = (int(side) for side in random.integers(20, 90, 2))
    rows, columns = np.mgrid[:height, :width]
    angle = np.pi * (c % 6) / 6
    stripes = np.sin((np.cos(angle) * rows + np.sin(angle) * columns) / (2 + c // 6))
    colour = np.random.default_rng(c).uniform(40, 215, 3)
    pixels = colour * (0.6 + 0.4 * stripes[..., None]) + random.normal(0, 12, (height, width, 3))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
