"""Texts that stand for themselves where a format would read more into them."""

from __future__ import annotations

import re


def clean(text: str) -> str:
    """Return `text` on one line and without the control characters that XML forbids."""
    return "".join(c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in text)


def markdown(text: str) -> str:
    """Return `text` so that it stands for itself on one line of Markdown, also in a table's cell."""
    text = clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|~$])", r"\\\1", text)
