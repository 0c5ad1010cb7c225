"""Style of all figures, and deterministic SVG (for light and dark pages) and PDF output."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure as Canvas

from ..escaping import clean

# Okabe and Ito's colour-blind-safe colours, a little lighter where dark pages need it.
BLUE, ORANGE, GREEN, RED = "#2b83ba", "#e08a1e", "#0f9d78", "#d9541e"
INK, FAINT = "#010203", "#7f8894"
"""INK stands for the page's text colour and becomes `currentColor`."""

STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9.5,
    "text.parse_math": False,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "grid.color": FAINT,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.7,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}
FONTS = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"
WIDTH = 9.2
"""Width of a full figure in inches."""
COLOURS = "svg.mamlab{color:#1c2127}@media (prefers-color-scheme:dark){svg.mamlab{color:#e4e8ed}}"


@dataclass(frozen=True)
class Figure:
    """A drawing with a file name (without suffix), a title, and a caption that states n, interval and exclusions.

    It is drawn on first use of its SVG or PDF, because drawing takes longer than all tables of a report.
    """

    name: str
    title: str
    caption: str
    drawing: Canvas = field(repr=False, compare=False)

    @cached_property
    def svg(self) -> str:
        """The drawing as an `svg` element, for a page."""
        with style():
            return to_svg(self.drawing, self.name, f"{self.title}. {self.caption}")

    @cached_property
    def pdf(self) -> bytes:
        """The drawing as a PDF page, laid out as the SVG is."""
        assert self.svg  # runs the layout
        with style():
            return to_pdf(self.drawing)

    @property
    def standalone(self) -> str:
        """The drawing as a standalone file, which follows the reader's light or dark scheme."""
        head, bracket, rest = self.svg.partition(">")
        return f'<?xml version="1.0" encoding="utf-8"?>\n{head}{bracket}<style>{COLOURS}</style>{rest}\n'


@contextmanager
def style() -> Iterator[None]:
    """Use this package's style and ignore the user's matplotlibrc."""
    with warnings.catch_warnings(), mpl.rc_context():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # the browser has the fonts
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        yield


def canvas(width: float, height: float) -> Canvas:
    """Return an empty figure of that many inches (72 px an inch)."""
    return Canvas(figsize=(width, height), layout="constrained")


def to_svg(drawing: Canvas, name: str, title: str) -> str:
    """Return the drawing as an `svg` element. Ids begin with `name`, so that one page can hold several."""
    mpl.rcParams["svg.hashsalt"] = name
    buffer = io.StringIO()
    drawing.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = buffer.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
    text = (
        re.sub(r'\bid="', f'id="{name}-', text).replace("url(#", f"url(#{name}-").replace('href="#', f'href="#{name}-')
    )
    text = text.replace(INK, "currentColor").replace("'DejaVu Sans', sans-serif", FONTS)
    label = clean(title).replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    text = re.sub(r' (width|height)="[\d.]+pt"', "", text, count=2)
    return text.replace("<svg", f'<svg class="mamlab" role="img" aria-label="{label}"', 1).strip()


def to_pdf(drawing: Canvas) -> bytes:
    """Return the drawing as a PDF page without a timestamp, in the layout that `to_svg` made."""
    drawing.set_layout_engine("none")  # layout takes as long as drawing
    buffer = io.BytesIO()
    drawing.savefig(buffer, format="pdf", metadata={"CreationDate": None, "Creator": None, "Producer": None})
    return buffer.getvalue()


def shorten(text: str, most: int = 34) -> str:
    """Return `text` on one line, cut to a label's length; what stands in brackets at its end is kept."""
    text = clean(text)
    _, bracket, end = text.rpartition(" (")
    kept = f"{bracket}{end}" if end.endswith(")") and len(end) < most - 10 else ""
    return text if len(text) <= most else text[: most - 1 - len(kept)].rstrip() + "…" + kept
