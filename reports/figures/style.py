"""Style of all figures, and deterministic SVG (for light and dark pages) and PDF output."""

from __future__ import annotations

import io
import re
import textwrap
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial, wraps
from typing import Any, ParamSpec, TypeVar

import matplotlib as mpl
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG
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
}
FONTS = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"
WIDTH = 9.2
"""Width of a full figure in inches."""
NARROW = 4.6
"""Width of a figure on a screen that is too narrow for `WIDTH`."""
P = ParamSpec("P")
Drawn = TypeVar("Drawn", "Figure", "Figure | None")
COLOURS = "svg.mamlab{color:#1c2127}@media (prefers-color-scheme:dark){svg.mamlab{color:#e4e8ed}}"


@dataclass(frozen=True)
class Figure:
    """A drawing with a file name (without suffix), a title, and a caption that states n, interval and exclusions.

    It is drawn on first use of its SVG or PDF, because drawing takes longer than all tables of a report. `redraw` makes
    the drawing for a narrow screen.
    """

    name: str
    title: str
    caption: str
    drawing: Canvas = field(repr=False, compare=False)
    redraw: Callable[[], Figure | None] | None = field(default=None, repr=False, compare=False)

    @cached_property
    def svg(self) -> str:
        """The drawing as an `svg` element, for a page."""
        with style():
            return to_svg(self.drawing, self.name, f"{self.title}. {self.caption}")

    @cached_property
    def narrow(self) -> Figure | None:
        """The figure for a narrow screen; None if it has no drawing of its own."""
        found = self.redraw() if self.redraw else None
        return found and replace(found, name=f"{self.name}-narrow", title=self.title, caption=self.caption)

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


def also_narrow(draw: Callable[P, Drawn]) -> Callable[P, Drawn]:
    """Give the figure that `draw` returns a second drawing, by `draw` with `width=NARROW`."""

    @wraps(draw)
    def twice(*args: P.args, **kwargs: P.kwargs) -> Drawn:
        found = draw(*args, **kwargs)
        if found is None:
            return found
        return replace(found, redraw=partial(draw, *args, **{**kwargs, "width": NARROW}))  # type: ignore[arg-type]

    return twice


def columns_of(width: float, wide: int, narrow: int) -> int:
    """Return how many columns of panels, or characters of a name, a figure of that width has."""
    return wide if width > NARROW else narrow


def legend_columns(labels: Sequence[str], width: float, most: int = 6) -> int:
    """Return how many columns a legend with these labels has in a figure of that width."""
    longest = max(map(len, labels), default=0)
    return max(1, min(most, len(labels), int(72 * width / (5.2 * longest + 34))))


def legend_above(drawing: Canvas, width: float, lines: Mapping[str, Any] | None = None, **look: Any) -> None:
    """Write a legend above the panels: of `lines` (label -> handle), or of what the first panel draws."""
    if lines is None:
        handles, labels = drawing.axes[0].get_legend_handles_labels()
        lines = dict(zip(labels, handles, strict=True))
    columns = legend_columns([*lines], width)
    drawing.legend([*lines.values()], [*lines], loc="outside upper left", ncols=columns, **look)


def axis_label(text: str, width: float) -> str:
    """Return the label of an x axis, on two lines where it is too long for a narrow figure."""
    return text if width > NARROW else textwrap.fill(text, 36)


def canvas(width: float, height: float) -> Canvas:
    """Return an empty figure of that many inches (72 px an inch)."""
    return Canvas(figsize=(width, height), layout="constrained")


def to_svg(drawing: Canvas, name: str, title: str) -> str:
    """Return the drawing as an `svg` element. Ids begin with `name`, so that one page can hold several."""
    mpl.rcParams["svg.hashsalt"] = name
    buffer = io.StringIO()
    # `savefig` would draw twice, to lay out and to write; drawing itself lays out, too.
    output: Any = FigureCanvasSVG(drawing)
    output.print_svg(buffer, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = buffer.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
    text = re.sub(r'<g id="[^"]*"', "<g", re.sub(r"\n\s+", "\n", text))  # nothing refers to groups
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = text.replace("url(#", f"url(#{name}-").replace('href="#', f'href="#{name}-')
    text = text.replace(INK, "currentColor").replace(" font-family: 'DejaVu Sans', sans-serif;", "")
    label = clean(title).replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    text = re.sub(r' (width|height)="[\d.]+pt"', "", text, count=2)
    head = f'<svg class="mamlab" role="img" style="font-family: {FONTS}" aria-label="{label}"'
    return text.replace("<svg", head, 1).strip()


def to_pdf(drawing: Canvas) -> bytes:
    """Return the drawing as a PDF page without a timestamp, in the layout that `to_svg` made."""
    drawing.set_layout_engine("none")  # layout takes as long as drawing
    drawing.dpi = mpl.rcParams["figure.dpi"]  # of images; the SVG has left 72
    buffer = io.BytesIO()
    output: Any = FigureCanvasPdf(drawing)
    output.print_pdf(buffer, metadata={"CreationDate": None, "Creator": None, "Producer": None})
    return buffer.getvalue()


def wrapped(text: str, letters: int, lines: int) -> str:
    """Return `text` on up to so many lines of so many letters; what stands in brackets at its end is kept together."""
    name, bracket, end = clean(text).rpartition(" (")
    joined = f"{name}{bracket}{chr(0xA0).join(end.split(' '))}" if end.endswith(")") else clean(text)
    found = textwrap.wrap(joined, letters)
    if len(found) > lines:
        found = [*found[: lines - 2], f"{found[lines - 2]}…", found[-1]]
    return "\n".join(shorten(line, letters + 1) for line in found)


def shorten(text: str, most: int = 34) -> str:
    """Return `text` on one line, cut to a label's length; what stands in brackets at its end is kept."""
    text = clean(text)
    _, bracket, end = text.rpartition(" (")
    kept = f"{bracket}{end}" if end.endswith(")") and len(end) < most - 10 else ""
    return text if len(text) <= most else text[: most - 1 - len(kept)].rstrip() + "…" + kept
