"""Reads users' text files: UTF-8 with or without a byte order mark; CSV with commas, semicolons or tabs."""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from pathlib import Path

from trainers.errors import InputError

_OTHERS = {codecs.BOM_UTF16_LE: "UTF-16", codecs.BOM_UTF16_BE: "UTF-16"}


class TextError(InputError):
    """A file that cannot be read as text or as a table; the message names the file and the remedy."""


def read_text(path: Path) -> str:
    """Return the text in `path` without its byte order mark. Raises TextError if it is not UTF-8, OSError."""
    content = path.read_bytes()
    for mark, name in _OTHERS.items():
        if content.startswith(mark):
            raise TextError(f"{path} is in {name}; save it as UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise TextError(
            f"{path} is not UTF-8 text (line {line}, byte 0x{content[error.start]:02x}); save it as UTF-8"
        ) from None


def separator(head: str) -> str:
    """Return the separator of a CSV file with the header line `head`: "," or, if that has none, ";" or a tab."""
    return next((mark for mark in ",;\t" if mark in head), ",")


def lines_of(text: str) -> list[str]:
    """Return a CSV file's lines with their ends; other characters that break lines are part of a cell."""
    return [*io.StringIO(text, newline="")]


def table(lines: list[str]) -> csv.DictReader[str]:
    """Return a reader of a CSV file's rows; the first line is the header."""
    return csv.DictReader(lines, skipinitialspace=True, delimiter=separator(lines[0] if lines else ""))


def columns_twice(names: list[str]) -> list[str]:
    """Return the names of columns that appear more than once in a header."""
    return [name for name, count in Counter(names).items() if count > 1]
