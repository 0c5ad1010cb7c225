"""The list of pictures to leave out of a folder: a text file, a path a line, relative to the folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from .config import DataError
from .folders import Classes

HERE = "./"
"""Before a path that begins with #, which would be a comment."""


def read_left_out(file: Path) -> frozenset[str]:
    """Return the paths that a list names; blank lines and those that begin with # say nothing. Raises DataError."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise DataError(
            f"image_folder: skip = {file} cannot be read: {reason}; `mamlab data FOLDER --skip-bad {file}` writes such"
            " a list"
        ) from None
    named = [line.strip().removeprefix(HERE) for line in lines if not line.startswith("#")]
    return frozenset(filter(None, named))


def without(classes: Classes, root: Path, left_out: frozenset[str]) -> Classes:
    """Return classes without the pictures that a list of `root` names."""
    return {
        name: [file for file in files if file.relative_to(root).as_posix() not in left_out]
        for name, files in classes.items()
    }


def list_text(root: Path, files: Iterable[tuple[Path, str]]) -> str:
    """Return a list of files to leave out, each with its reason above it."""
    lines = [f"# Pictures of {root} to leave out: [data] skip names this file."]
    for file, reason in files:
        path = file.relative_to(root).as_posix()
        lines += [f"# {' '.join(reason.split())}", f"{HERE}{path}" if path.startswith("#") else path]
    return "\n".join(lines) + "\n"
