"""The list of images to skip in a folder: a text file with one path per line, relative to the folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from .config import DataError
from .folders import Classes

HERE = "./"
"""Prefix of a path that starts with #, which would otherwise be a comment."""


def read_skip_list(file: Path) -> frozenset[str]:
    """Return the paths in a list; blank lines and lines that start with # are ignored. Raises DataError."""
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
    """Return the classes without the images that a list names relative to `root`."""
    return {
        name: [file for file in files if file.relative_to(root).as_posix() not in left_out]
        for name, files in classes.items()
    }


def list_text(root: Path, files: Iterable[tuple[Path, str]]) -> str:
    """Return the text of a list of files to skip, with the reason above each."""
    lines = [f"# Pictures of {root} to leave out: [data] skip names this file."]
    for file, reason in files:
        path = file.relative_to(root).as_posix()
        lines += [f"# {' '.join(reason.split())}", f"{HERE}{path}" if path.startswith("#") else path]
    return "\n".join(lines) + "\n"
