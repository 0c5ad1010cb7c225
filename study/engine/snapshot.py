"""The snapshot of a study: its overview in a small file beside its journal, so that a look needs no MLflow.

The driver renews it while it runs. It counts only while both stores are the ones that it was made of: under the driver
that wrote it, by their files; without one, by what they hold of the study.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..stores import marks
from ..stores.home import Home
from ..stores.locks import holder
from .overview import Overview, from_tree

SNAPSHOT = ".status.json"
"""How the name of a study's snapshot ends, after the study's own."""


def snapshot_file(home: Home, study: str) -> Path:
    """Return where a study's snapshot lies."""
    return home.journal / f"{study}{SNAPSHOT}"


def driver_here(home: Home, study: str) -> str:
    """Return which process holds the lock of the study's driver in this home, empty if none does."""
    return holder(home.locks / f"{study}.lock") or ""


def held_lines(home: Home, fingerprints: Mapping[str, str]) -> Iterator[str]:
    """Yield which runs wait for whom, by the lock files as they are now. `fingerprints`: of the runs, by label."""
    for label, fingerprint in fingerprints.items():
        if who := holder(home.checkpoints / fingerprint / "lock"):
            yield f"{label}: its training is held by {who}"


def read_snapshot(home: Home, study: str) -> Overview | None:
    """Return a study's overview as its snapshot has it; None if there is none, or the stores are not as it was made."""
    try:
        tree = json.loads(snapshot_file(home, study).read_bytes())
        found = from_tree(tree["study"])
        if (
            home.stores is not None
            or tree["stores"] != marks.identity(home)
            or found.driver != driver_here(home, study)
        ):
            return None
        return found if found.driver or _same(tree, marks.content(home, study, found.experiment_id)) else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, sqlite3.Error):
        return None


def _same(tree: dict[str, Any], content: marks.Marks | None) -> bool:
    return content is not None and tree["content"] == content


def write_snapshot(home: Home, found: Overview, content: marks.Marks | None) -> None:
    """Write a study's snapshot; where that cannot be done, there is none. `content`: of the stores, when read."""
    file = snapshot_file(home, found.name)
    beside = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    with suppress(OSError):
        try:
            tree = {"stores": marks.identity(home), "content": content, "study": found.as_tree()}
            file.parent.mkdir(exist_ok=True)  # a home that is gone is not made again
            beside.write_text(json.dumps(tree), encoding="utf-8")
            beside.replace(file)
        finally:
            beside.unlink(missing_ok=True)


def content_of(home: Home, study: str, experiment_id: str) -> marks.Marks | None:
    """Return what the stores hold of a study, None where that cannot be told."""
    with suppress(OSError, sqlite3.Error):
        return marks.content(home, study, experiment_id)
    return None
