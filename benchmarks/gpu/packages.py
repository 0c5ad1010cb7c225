"""Packages for a machine without network: wheels that travel in the luggage are unpacked, and found by the stages."""

from __future__ import annotations

import importlib.util
import zipfile
from pathlib import Path

FOLDER = Path(".gpu")
"""The luggage."""
NEEDED = ("pydantic", "safetensors", "PIL", "pytest")
"""Import names that the first stages need beside torch and NumPy."""


def unpacked(luggage: Path, to: Path) -> Path | None:
    """Return the folder that the luggage's wheels were unpacked into; None if all that is needed is installed."""
    if all(importlib.util.find_spec(name) for name in NEEDED):
        return None
    for wheel in sorted((luggage / "wheels").glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(to)
    return to
