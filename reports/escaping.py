"""Escapes texts for XML and Markdown."""

from __future__ import annotations

import re


def clean(text: str) -> str:
    """Return `text` on one line, without the control characters that XML forbids."""
    return "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in text)


def markdown(text: str) -> str:
    """Return `text` escaped for Markdown and on one line, safe in a table cell."""
    text = clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|~$])", r"\\\1", text)
