"""A report's tables as JSON, for other programs and for `mamlab verify`, which compares values.

{"format": 1, "study": ..., "made_with": {package: version}, "headline": [sentence, ...],
 "tables": [{"title": ..., "columns": [...], "values": [[number, text or null, ...], ...], "texts": [[...], ...],
 "notes": [...]}]}

`values` are the columns' sort keys (accuracies in [0, 1], seconds), to 12 digits, because later digits differ between
processors; `texts` are what the pages show. The list of all runs is only in runs.csv.
"""

from __future__ import annotations

import json
import math
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ..document import Report
from ..tables.cells import EVERY_RUN, Cell, Table

TABLES = "tables.json"
FORMAT = 1
MAKERS = ("mamlab", "numpy", "scipy", "statsmodels", "scikit-learn", "optuna", "matplotlib", "jinja2")
"""Packages whose release can change numbers or pages."""


def to_json(report: Report) -> str:
    """Return the tables of a report as JSON; the same report gives the same text."""
    tree = {
        "format": FORMAT,
        "study": report.title,
        "made_with": made_with(),
        "headline": report.headline,
        "tables": [_table(table) for table in report.tables if table.columns and table.title != EVERY_RUN],
    }
    return json.dumps(tree, indent=1, ensure_ascii=False) + "\n"


def headline_in(folder: Path) -> list[str]:
    """Return the headline of the report in `folder`."""
    sentences: list[str] = json.loads((folder / TABLES).read_text(encoding="utf-8"))["headline"]
    return sentences


def made_with() -> dict[str, str]:
    """Return the installed releases of these packages; mamlab has none where it runs from its source."""
    found = {}
    for package in MAKERS:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def _table(table: Table) -> dict[str, Any]:
    return {
        "title": table.title,
        "columns": [column.title for column in table.columns],
        "values": [[_value(cell) for cell in row] for row in table.rows],
        "texts": [[cell.text for cell in row] for row in table.rows],
        "notes": table.notes,
    }


def _value(cell: Cell) -> float | str | None:
    if not isinstance(cell.sort, float):
        return cell.sort
    return float(f"{cell.sort:.12g}") if math.isfinite(cell.sort) else None
