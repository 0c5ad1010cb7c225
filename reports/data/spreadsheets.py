"""Protects CSV texts that a spreadsheet would read as formulas with a leading apostrophe."""

from __future__ import annotations

import re

_FORMULA = re.compile(r"'*[=+\-@\t\r]")


def with_apostrophe(value: object) -> object:
    """Return a cell's value, with an apostrophe before a text that a spreadsheet would read as a formula."""
    if not isinstance(value, str) or not _FORMULA.match(value) or _is_number(value):
        return value
    return f"'{value}"


def without_apostrophe(text: str) -> str:
    """Undo `with_apostrophe`."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
