"""The list of images to skip in a folder: a text file with one path per line, relative to the folder.

A path that no line of text can hold is written as a JSON string: names with line breaks, or that are not UTF-8.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from .config import DataError
from .folders import Classes, shown

HERE = "./"
"""Prefix of a path that starts with #, which would otherwise be a comment."""


def read_skip_list(file: Path) -> frozenset[str]:
    """Return the paths in a list; blank lines and lines that start with # are ignored. Raises DataError."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise DataError(
            f"image_folder: skip = {file} cannot be read: {reason}; `mamlab data FOLDER --skip-bad {file}` writes such"
            " a list"
        ) from None
    named = [_path(line.strip()) for line in lines if not line.startswith("#")]
    return frozenset(filter(None, named))


def _path(entry: str) -> str:
    """Return the path that an entry names; one that only looks like JSON is a path as it stands."""
    if entry.startswith('"'):
        with suppress(ValueError):
            return str(json.loads(entry))
    return entry.removeprefix(HERE)


def _entry(path: str) -> str:
    """Return the entry that `_path` reads back exactly."""
    if path.startswith('"') or path != path.strip() or path != shown(path):
        return json.dumps(path)
    return f"{HERE}{path}" if path.startswith("#") else path


def without(classes: Classes, root: Path, left_out: frozenset[str]) -> Classes:
    """Return the classes without the images that a list names relative to `root`."""
    return {
        name: [file for file in files if file.relative_to(root).as_posix() not in left_out]
        for name, files in classes.items()
    }


def list_text(root: Path, files: Iterable[tuple[Path, str]]) -> str:
    """Return the text of a list of files to skip, with the reason above each."""
    lines = [f"# Pictures of {shown(str(root))} to leave out: [data] skip names this file."]
    for file, reason in files:
        lines += [f"# {shown(reason)}", _entry(file.relative_to(root).as_posix())]
    return "\n".join(lines) + "\n"
