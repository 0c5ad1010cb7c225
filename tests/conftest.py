from __future__ import annotations

from pathlib import Path

import pytest

from trainers.data import Glyphs, load


@pytest.fixture(scope="session")
def glyphs_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the embedded letters in it: drawn once a session."""
    folder = tmp_path_factory.mktemp("data")
    load(Glyphs(), folder)
    return folder
