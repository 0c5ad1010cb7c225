"""Paths as users type them."""

from __future__ import annotations

from pathlib import Path

from .errors import InputError


def expanded(path: Path) -> Path:
    """Return `path` with the folder of the user that a leading ~ names. Raises ValueError if there is no such user."""
    try:
        return path.expanduser()
    except RuntimeError:
        raise InputError(f"there is no user {path.parts[0]} here; write the full path instead of {path}") from None
