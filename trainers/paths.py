"""Paths as users type them."""

from __future__ import annotations

import os
from pathlib import Path

from .errors import InputError

LONGEST_NAME, LONGEST_PATH = 255, 4095
"""Most bytes that Linux takes."""


def expanded(path: Path) -> Path:
    """Return `path` with a leading ~ expanded to the user's home directory. Raises InputError for an unknown user, and
    for a path longer than Linux takes.
    """
    if len(os.fsencode(path)) > LONGEST_PATH or any(len(os.fsencode(part)) > LONGEST_NAME for part in path.parts):
        raise InputError(
            f"the path {str(path)[:60]} ... is too long: a name may have at most {LONGEST_NAME} bytes, and the"
            f" whole path {LONGEST_PATH}; shorten it"
        )
    try:
        return path.expanduser()
    except RuntimeError:
        raise InputError(f"there is no user {path.parts[0]} here; write the full path instead of {path}") from None


def moved_to(folder: Path, path: Path) -> Path:
    """Return the absolute `path`; if it is inside the current folder, as if it had been given relative to `folder`."""
    here = Path.cwd()
    return folder / path.relative_to(here) if path.is_relative_to(here) else path
