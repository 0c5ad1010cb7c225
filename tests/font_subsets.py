"""Font subsets of PDF figures, made once for each set of characters: they take half of the time of a test's report."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import matplotlib
from matplotlib.backends import _backend_pdf_ps

RELEASE = "3.11.2"
"""Other releases of matplotlib make subsets in other ways, and are left as they are."""


def keep_subsets() -> None:
    """Let matplotlib take a subset that this process has made before; the files are the same, byte for byte."""
    if matplotlib.__version__ != RELEASE:
        return
    backend: Any = _backend_pdf_ps
    make, write, known = backend.get_glyphs_subset, backend.font_as_file, dict[Any, Any]()

    @contextmanager
    def kept(file: Any, glyphs: Any) -> Iterator[SimpleNamespace]:
        key = str(file), getattr(file, "face_index", 0), frozenset(glyphs)
        if key not in known:
            with make(file, glyphs) as subset:
                known[key] = write(subset.font).getvalue(), subset.glyph_index_map
        font, indices = known[key]
        yield SimpleNamespace(font=font, glyph_index_map=indices)

    backend.get_glyphs_subset, backend.font_as_file = kept, io.BytesIO
