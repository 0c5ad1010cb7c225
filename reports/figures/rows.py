"""Rows of a figure with their names: beside the axes, or above each row where a narrow figure has no room there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from .style import NARROW, canvas, shorten

SHORT = 12
"""Characters of a name that has room beside the axes of a narrow figure."""
NAME, MARK, TEXT = -0.34, 0.14, 8.5
"""Where a row has its name above its marks, in rows; size of a row's text."""


@dataclass(frozen=True)
class Rows:
    """The named rows of a figure `width` inches wide, from top to bottom."""

    names: Sequence[str]
    width: float

    @property
    def above(self) -> bool:
        """Whether names stand above their rows."""
        return self.width <= NARROW and any(len(name) > SHORT for name in self.names)

    @property
    def shift(self) -> float:
        """How far below a row's place its marks are."""
        return MARK if self.above else 0.0

    def canvas(self, head: float, height: float) -> Canvas:
        """Return an empty figure with room for `head` inches and rows of `height`."""
        return canvas(self.width, head + len(self.names) * (height + 0.17 * self.above))

    def write(self, axes: Axes, bold: Sequence[int] = ()) -> None:
        """Name the rows; those in places `bold` are headings."""
        weights = ["bold" if place in bold else "normal" for place in range(len(self.names))]
        axes.set_yticks(range(len(self.names)), [shorten(name) for name in self.names])
        axes.set_ylim(len(self.names) - 0.4, -0.6)
        for label, weight in zip(axes.get_yticklabels(), weights, strict=True):
            label.set_fontweight(weight)
        if self.above:
            axes.set_yticks([])
            for y, (name, weight) in enumerate(zip(self.names, weights, strict=True)):
                self._text(axes, 0, y, shorten(name), "left", weight)

    def value(self, axes: Axes, y: float, text: str) -> None:
        """Write a row's numbers: on the right of the axes, or behind its name."""
        if self.above:
            self._text(axes, 1, y, text, "right")
        else:
            axes.annotate(text, (1.015, y), xycoords=("axes fraction", "data"), va="center", fontsize=TEXT)

    def _text(self, axes: Axes, x: float, y: float, text: str, side: str, weight: str = "normal") -> None:
        place = (x, y + NAME)
        axes.annotate(
            text, place, xycoords=("axes fraction", "data"), va="center", ha=side, fontsize=TEXT, fontweight=weight
        )
