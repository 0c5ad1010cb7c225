"""Letters as polygons, and polygons as images, for `glyphs`.

Shapes: B images, P points of one letter, N side of an image in pixels. A set of polygons is float64 [P, 2] in units of
the em with y upwards, and `following` int [P], the index of the point at the end of each point's edge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .arrays import Bytes, Floats, Indices

_CURVE = 4  # edges per curve of an outline
_FINE = 4  # subpixel rows and columns, for filling
_GRID = 64.0  # steps per subpixel row: rounding to them hides differences in the last bits between platforms


@dataclass(frozen=True)
class Polygons:
    """A letter's outline: closed polygons, filled where their winding number is not zero."""

    points: Floats
    following: Indices

    def boxed(self) -> Polygons:
        """Return the letter centred on 0, scaled so that the longer side of its bounding box is 1."""
        low, high = self.points.min(axis=0), self.points.max(axis=0)
        return Polygons((self.points - (low + high) / 2) / (high - low).max(), self.following)


class Face:
    """One font file."""

    def __init__(self, path: Path) -> None:
        from matplotlib.ft2font import FT2Font

        self._font = FT2Font(str(path))
        self.letters = frozenset(self._font.get_charmap())

    def outline(self, letter: int) -> Polygons | None:
        """Return the outline of a code point, or None if it leaves no ink."""
        from matplotlib.ft2font import LoadFlags

        self._font.load_char(letter, flags=LoadFlags.NO_SCALE)
        vertices, codes = self._font.get_path()
        return _polygons(vertices, codes.tolist()) if len(codes) else None


def _polygons(vertices: Floats, codes: Sequence[int]) -> Polygons | None:
    """Convert an outline of straight lines and quadratic curves (all that TrueType has) to line segments."""
    points: list[Floats] = []
    following: list[Indices] = []
    begin = 0
    for contour in _contours(vertices, codes):
        flat = _flatten(np.array(contour))
        points.append(flat)
        following.append(begin + (np.arange(len(flat)) + 1) % len(flat))
        begin += len(flat)
    return Polygons(*_clockwise(np.concatenate(points), np.concatenate(following))) if points else None


def _clockwise(points: Floats, following: Indices) -> tuple[Floats, Indices]:
    """Reverse an outline with the opposite orientation, as mirrored letters have: ink must be on the right."""
    there = points[following]
    area = (points[:, 0] * there[:, 1] - there[:, 0] * points[:, 1]).sum()
    return points, following if area <= 0 else inverse(following)


def _contours(vertices: Floats, codes: Sequence[int]) -> list[list[tuple[Floats, Floats, Floats]]]:
    """Return each contour as its curves (start, control, end); the control point of a line is its middle."""
    move, line, curve = 1, 2, 3
    contours: list[list[tuple[Floats, Floats, Floats]]] = []
    start = here = vertices[0]
    at = 0
    while at < len(codes):
        code, there = codes[at], vertices[at]
        if code == move:
            contours.append([])
            start = there
        elif code == line:
            contours[-1].append((here, (here + there) / 2, there))
        elif code == curve:
            at += 1
            there = vertices[at]
            contours[-1].append((here, vertices[at - 1], there))
        else:
            there = start
            if (here != start).any():
                contours[-1].append((here, (here + start) / 2, start))
        here = there
        at += 1
    return [contour for contour in contours if contour]


def _flatten(curves: Floats) -> Floats:
    """Return points [curves * _CURVE, 2] along curves [curves, 3, 2]."""
    t = (np.arange(_CURVE) / _CURVE)[None, :, None]
    start, control, end = (curves[:, None, i] for i in range(3))
    return ((1 - t) ** 2 * start + 2 * t * (1 - t) * control + t**2 * end).reshape(-1, 2)


def inverse(following: Indices) -> Indices:
    """Return the index of the point before each point."""
    previous = np.empty_like(following)
    previous[following] = np.arange(len(following))
    return previous


def normals(points: Floats, following: Indices) -> Floats:
    """Return outward directions [B, P, 2] at points [B, P, 2], of length about 1: moving points along them widens the
    stroke.
    """
    along = points[:, following] - points[:, inverse(following)]
    length = np.sqrt((along**2).sum(axis=-1, keepdims=True))
    along = along / np.maximum(length, 1e-9)
    return np.stack([-along[..., 1], along[..., 0]], axis=-1)


def fill(points: Floats, following: Indices, size: int) -> Bytes:
    """Draw points [B, P, 2], in pixels from the upper left corner with y downwards, as uint8 [B, N, N]; ink is 255.

    Uses the non-zero winding rule; anything outside the image is cut off.
    """
    fine = size * _FINE
    x, y = (np.rint(points[..., i] * (_FINE * _GRID)) / _GRID for i in range(2))
    x2, y2 = x[:, following], y[:, following]
    first, last = (np.clip(np.ceil(v - 0.5), 0, fine).astype(np.int64) for v in (np.minimum(y, y2), np.maximum(y, y2)))
    count = (last - first).ravel()
    edge = np.repeat(np.arange(count.size), count)
    row = np.arange(edge.size) - np.repeat(np.cumsum(count) - count, count) + first.ravel()[edge]
    x, y, x2, y2 = (v.ravel()[edge] for v in (x, y, x2, y2))
    crossing = x + (row + 0.5 - y) * (x2 - x) / (y2 - y)
    column = np.clip(np.ceil(crossing - 0.5), 0, fine).astype(np.int64)
    image = edge // len(following)
    cells = (image * fine + row) * (fine + 1) + column
    turns = np.bincount(cells, weights=np.sign(y2 - y), minlength=len(points) * fine * (fine + 1))
    winding = np.cumsum(turns.astype(np.int8).reshape(len(points), fine, fine + 1), axis=2, dtype=np.int8)
    inside = (winding[..., :fine] != 0).view(np.uint8)
    share = sum(inside[:, i::_FINE, j::_FINE].astype(np.int64) for i in range(_FINE) for j in range(_FINE))
    return (np.asarray(share) * 255 // _FINE**2).astype(np.uint8)
