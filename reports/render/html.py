"""A report as one self-contained HTML file."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ..document import Report


def to_html(report: Report) -> str:
    """Return the page. All texts are escaped; the figures are this package's own SVG."""
    environment = Environment(
        loader=PackageLoader("reports.render"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["sort_key"] = _sort_key
    return environment.get_template("index.html.j2").render(report=report, inline=Markup)


def _sort_key(value: float | str) -> float | str:
    """Return the sort key of a cell, without the last digits, which differ between processors."""
    return round(value, 12) + 0.0 if isinstance(value, float) else value  # + 0.0 turns -0.0 into 0.0
