"""The built-in data set: letters of many scripts, from the fonts that come with matplotlib.

Letters that look the same in some typeface, after any quarter rotation, form one class (drawn as the first of them).
Classes that look very similar are in the same split. A sample is the outline of one typeface with random stroke width,
elastic and affine distortion. Images are [1, 28, 28]; ink is 255 on 0.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ..randomness import Source
from .arrays import Arrays, Bytes, Floats, Indices, cached
from .classes import SPLITS, ClassData, ClassRange
from .config import DataError
from .outlines import Face, Polygons, fill, normals

RECIPE = 1  # raise with every change of the images or the split
SIZE = 28
SAMPLES = 20
FACES = (
    "Sans", "Sans-Bold", "Sans-Oblique", "Serif", "Serif-Bold", "Serif-Italic",
    "SansMono", "SansMono-Bold", "SansMono-Oblique",
)  # fmt: skip
COMPARED = ("Sans", "Serif", "SansMono")
SAME = 0.035  # letters closer than this are one class
NEAR = 0.07  # classes closer than this are in one split
SHARES = {"val": 0.1, "test": 0.2}


def load(folder: Path) -> ClassData:
    """Return the data set; it is drawn once (about 20 s) and kept in `folder`."""
    paths = font_files()
    digest = hashlib.sha256(repr(RECIPE).encode())
    for path in paths:
        digest.update(path.read_bytes())
    stored = cached(folder / f"glyphs-{digest.hexdigest()[:12]}.npz", lambda: make([Face(path) for path in paths]))
    classes = [
        ClassRange(unicodedata.name(chr(letter)), SAMPLES * i, SAMPLES) for i, letter in enumerate(stored["letters"])
    ]
    splits = {
        name: tuple(c for c, at in zip(classes, stored["split"], strict=True) if at == i)
        for i, name in enumerate(SPLITS)
    }
    return ClassData("glyphs", torch.from_numpy(stored["images"][:, None]), splits)


def font_files() -> list[Path]:
    """Return the fonts that come with matplotlib, in the order of `FACES`."""
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    paths = [folder / f"DejaVu{name}.ttf" for name in FACES]
    if missing := [path for path in paths if not path.is_file()]:
        raise DataError(f"glyphs: matplotlib's font {missing[0]} is missing; install matplotlib again, with its fonts")
    return paths


def make(faces: Sequence[Face]) -> Arrays:
    """Return images uint8 [classes * SAMPLES, SIZE, SIZE], letters [classes], split [classes] (index into SPLITS)."""
    letters = [letter for letter in sorted(faces[0].letters) if is_plain_letter(letter) and faces[0].outline(letter)]
    distance = visual_distance([faces[FACES.index(name)] for name in COMPARED], letters)
    same = components(distance <= SAME)
    first = np.unique(same, return_index=True)[1]
    near = components(distance <= NEAR)[first]
    chosen = [letters[i] for i in first]
    images = np.concatenate([draw(letter, faces) for letter in chosen])
    return {"images": images, "letters": np.array(chosen), "split": split(near)}


def is_plain_letter(letter: int) -> bool:
    """Return whether a code point is a letter that is not composed of others (no accents, ligatures, styled forms)."""
    character = chr(letter)
    return unicodedata.category(character).startswith("L") and not unicodedata.decomposition(character)


def components(linked: NDArray[np.bool_]) -> Indices:
    """Return the number of each item's connected component; components are numbered by their first item."""
    from scipy.sparse.csgraph import connected_components

    labels = connected_components(linked, directed=False)[1]
    return np.unique(np.unique(labels, return_index=True)[1][labels], return_inverse=True)[1]


def visual_distance(faces: Sequence[Face], letters: Sequence[int]) -> Floats:
    """Return how different letters look, [letters, letters], from 0 (identical) to 1: the minimum over typefaces,
    rotations and stroke widths.

    |a - b|^2 / (|a|^2 + |b|^2) of blurred images a, b; in integers up to the division, so equal on every platform.
    """
    least = np.ones((len(letters), len(letters)))
    for face in faces:
        have = np.array([i for i, letter in enumerate(letters) if letter in face.letters])
        outlines = [face.outline(letters[i]) for i in have]
        looks, *pens = (_looks([o for o in outlines if o is not None], pen) for pen in (0.0, -0.015, 0.015))
        for other in (looks, *pens):
            for turns in range(4):
                distance = _distance(looks, np.rot90(other, turns, (1, 2)))
                block = np.ix_(have, have)
                least[block] = np.minimum(least[block], np.minimum(distance, distance.T))
    return least


def _looks(outlines: Sequence[Polygons], pen: float) -> Floats:
    """Return blurred images of letters scaled to 20 of 28 pixels, the shorter side by at most 1.4 times more."""
    pictures = []
    for outline in outlines:
        box = outline.boxed()
        points = box.points[None] + pen * normals(box.points[None], box.following)
        stretch = np.minimum(1 / np.ptp(box.points, axis=0), 1.4)
        pictures.append(fill(points * stretch * (20, -20) + SIZE / 2, box.following, SIZE) // 16)
    looks = np.concatenate(pictures).astype(np.float64)
    for axis in (1, 2, 1, 2):
        looks = np.roll(looks, 1, axis) + 2 * looks + np.roll(looks, -1, axis)
    return looks[:, 1:-1, 1:-1]  # the rest is empty


def _distance(a: Floats, b: Floats) -> Floats:
    a, b = a.reshape(len(a), -1), b.reshape(len(b), -1)
    distance: Floats = 1 - 2 * (a @ b.T) / ((a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1))
    return distance


def split(near: Indices) -> Indices:
    """Return the split of each class, as index into SPLITS; similar classes stay together.

    Shuffled groups of similar classes fill val and test up to their shares; the largest group, and the remainder, are
    used for training.
    """
    names, sizes = np.unique(near, return_counts=True)
    order = [names[i] for i in Source("glyphs", RECIPE, "split").permutation(len(names)) if i != sizes.argmax()]
    result = np.zeros(len(near), dtype=np.int64)
    for name, share in SHARES.items():
        while (result == SPLITS.index(name)).sum() < share * len(near):
            result[near == order.pop()] = SPLITS.index(name)
    return result


_WAVES = 3
_NUMBERS = 8 + 4 * 2 * _WAVES


def draw(letter: int, faces: Sequence[Face]) -> Bytes:
    """Return the samples of a letter, uint8 [SAMPLES, SIZE, SIZE]."""
    outlines = [o.boxed() for face in faces if letter in face.letters and (o := face.outline(letter))]
    numbers = np.stack([Source("glyphs", RECIPE, letter, sample).uniform(_NUMBERS) for sample in range(SAMPLES)])
    chosen = (numbers[:, 0] * len(outlines)).astype(np.int64)
    images = np.empty((SAMPLES, SIZE, SIZE), dtype=np.uint8)
    for i, outline in enumerate(outlines):
        if (chosen == i).any():
            points = _distorted(outline, numbers[chosen == i, 1:])
            images[chosen == i] = fill(points, outline.following, SIZE)
    return images


def _between(low: float, high: float, numbers: Floats) -> Floats:
    return low + (high - low) * numbers


def _distorted(outline: Polygons, numbers: Floats) -> Floats:
    """Return the outline's points [B, P, 2] in pixels, after stroke, waves, shear, stretch, rotation and shift."""
    points = np.repeat(outline.points[None], len(numbers), axis=0)
    turn, shear, stretch, pen, side, right, down = numbers[:, :7, None].swapaxes(0, 1)
    points = points + _between(-0.015, 0.03, pen)[..., None] * normals(points, outline.following)
    points = points + _waves(points, numbers[:, 7:])
    x, y = points[..., 0], points[..., 1]
    x = x + _between(-0.25, 0.25, shear) * y
    wide = 1 + _between(-0.2, 0.2, stretch)
    x, y = x * wide, y / wide
    cos, sin = np.cos(_between(-0.25, 0.25, turn)), np.sin(_between(-0.25, 0.25, turn))
    return _placed(np.stack([cos * x - sin * y, -sin * x - cos * y], axis=-1), side, right, down)


def _waves(points: Floats, numbers: Floats) -> Floats:
    """Return a smooth random displacement [B, P, 2]: in each direction a sum of plane waves."""
    along_x, along_y, phase, height = numbers.reshape(len(numbers), 4, 1, 2, _WAVES).swapaxes(0, 1)
    x, y = points[:, :, None, None, 0], points[:, :, None, None, 1]
    angle = _between(-1, 1, along_x) * x + _between(-1, 1, along_y) * y + phase
    waves: Floats = (_between(0.01, 0.04, height) * np.sin(2 * np.pi * angle)).sum(axis=-1)
    return waves


def _placed(points: Floats, side: Floats, right: Floats, down: Floats) -> Floats:
    """Scale points [B, P, 2] to a longer side of 18 to 24 pixels, and shift them by up to 2, inside the image."""
    low, high = points.min(axis=1, keepdims=True), points.max(axis=1, keepdims=True)
    scale = _between(18, 24, side)[..., None] / (high - low).max(axis=2, keepdims=True)
    shift = _between(-2, 2, np.stack([right, down], axis=-1))
    placed: Floats = (points - (low + high) / 2) * scale + SIZE / 2 + shift
    return placed
