"""Texts in a CSV file that a spreadsheet would compute: they begin with an apostrophe there, which makes them plain
text.
"""

from __future__ import annotations

import re

_FORMULA = re.compile(r"'*[=+\-@\t\r]")


def with_apostrophe(value: object) -> object:
    """Return a cell's value, with an apostrophe before a text that a spreadsheet would take for a formula; numbers
    stay.
    """
    if not isinstance(value, str) or not _FORMULA.match(value) or _is_number(value):
        return value
    return f"'{value}"


def without_apostrophe(text: str) -> str:
    """Return the text of which `with_apostrophe` made this."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
