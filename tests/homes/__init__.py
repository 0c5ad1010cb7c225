"""Homes that earlier versions left, as archives; README.md says what is in them."""

from __future__ import annotations

import tarfile
from pathlib import Path

FIRST = "0.1.0"


def unpack(folder: Path, version: str = FIRST) -> Path:
    """Unpack a version's archive into `folder`; return the folder that has `runs`, `pics` and the spec files."""
    with tarfile.open(Path(__file__).parent / f"{version}.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder / "mamlab"
