"""Detects user files that hide a package of mamlab because they have the same name."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

OURS = {"study": "commit.py", "reports": "records.py", "search_spaces": "space.py", "trainers": "sections.py"}
"""Each package with one of its files, by which it is recognised."""


def refuse_hidden() -> None:
    """Raise ImportError, with the remedy, if another package would be imported instead of one of ours."""
    for package, file in OURS.items():
        there = _found(package)
        if there is None or not Path(there).with_name(file).is_file():
            where = there or "another folder"
            raise ImportError(
                f'{where} hides mamlab\'s own package "{package}", because Python finds it first. '
                f"Rename {where}, or start Python in another folder"
            )


def _found(package: str) -> str | None:
    """Return the file that the package is or would be imported from; None for a folder without __init__.py."""
    if package in sys.modules:
        return getattr(sys.modules[package], "__file__", None)
    spec = find_spec(package)
    return spec.origin if spec else None
