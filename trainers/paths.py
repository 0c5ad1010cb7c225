"""Paths as users type them."""

from __future__ import annotations

from pathlib import Path

from .errors import InputError


def expanded(path: Path) -> Path:
    """Return `path` with a leading ~ expanded to the user's home directory. Raises ValueError for an unknown user."""
    try:
        return path.expanduser()
    except RuntimeError:
        raise InputError(f"there is no user {path.parts[0]} here; write the full path instead of {path}") from None


def moved_to(folder: Path, path: Path) -> Path:
    """Return the absolute `path`; if it is inside the current folder, as if it had been given relative to `folder`."""
    here = Path.cwd()
    return folder / path.relative_to(here) if path.is_relative_to(here) else path
