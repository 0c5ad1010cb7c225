"""A report as one HTML file without any other: styles, script and figures are inside."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ..document import Report


def to_html(report: Report) -> str:
    """Return the whole page. All texts are escaped; the figures are this package's own SVG."""
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
    """Return what a column is sorted by, without the last digits, which another processor computes otherwise."""
    return round(value, 12) + 0.0 if isinstance(value, float) else value  # + 0.0: -0.0 is 0.0
