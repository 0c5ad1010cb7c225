"""A report as one self-contained HTML file."""

from __future__ import annotations

import re

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from ..document import Report
from ..metric import Metric

HIGHER = ("accuracy", "validation", "test, %", "ensemble", "lower bound", "difference")
"""Words in titles of columns whose highest value is the best, where higher is better."""
IMPORTANCE = ("forest, %", "ped-anova")


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
    environment.filters |= {
        "sort_key": _sort_key,
        "anchor": anchor,
        "downwards": best_is_highest,
        "breakable": _breakable,
    }
    return environment.get_template("index.html.j2").render(report=report, inline=Markup)


def _sort_key(value: float | str) -> float | str:
    """Return the sort key of a cell, without the last digits, which differ between processors."""
    return round(value, 12) + 0.0 if isinstance(value, float) else value  # + 0.0 turns -0.0 into 0.0


def anchor(title: str) -> str:
    """Return a section's title as the id of its heading."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "section"


def best_is_highest(title: str, metric: Metric | None) -> bool:
    """Return whether the highest value of a column is the best, so that a first click sorts it to the top."""
    words = title.lower()
    if metric is not None and (metric.heading.lower() in words or "difference" in words):
        return metric.better == "higher"
    higher = metric is None or metric.better == "higher"
    return any(word in words for word in IMPORTANCE) or (higher and any(word in words for word in HIGHER))


def _breakable(title: str) -> Markup:
    """Return a column's title, which may be broken after a dot or an underscore."""
    return Markup(re.sub(r"([._])(?=\w)", r"\1<wbr>", str(escape(title))))
