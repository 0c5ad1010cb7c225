"""The snapshot of a study: its overview in a small file beside its journal, which `mamlab status` reads quickly.

The driver renews it while it runs. It is valid only for the stores that it was made from: while that driver runs, the
files must be the same; afterwards, the study's content too.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..stores import change_marks
from ..stores.home import Home
from ..stores.locks import holder
from .overview import Overview, from_tree

SNAPSHOT = ".status.json"
"""File name suffix, after the study's name."""


def snapshot_file(home: Home, study: str) -> Path:
    """Return the path of a study's snapshot."""
    return home.journal / f"{study}{SNAPSHOT}"


def driver_here(home: Home, study: str) -> str:
    """Return which process holds the study's driver lock in this home, empty if none."""
    return holder(home.locks / f"{study}.lock") or ""


def held_lines(home: Home, fingerprints: Mapping[str, str]) -> Iterator[str]:
    """Yield a line per waiting run that names the process it waits for. `fingerprints`: of the runs, by label."""
    for label, fingerprint in fingerprints.items():
        if who := holder(home.checkpoints / fingerprint / "lock"):
            yield f"{label}: waiting, because the same training is running in {who}"


def read_snapshot(home: Home, study: str) -> Overview | None:
    """Return a study's overview from its snapshot; None if there is none, or the stores have changed since."""
    try:
        tree = json.loads(snapshot_file(home, study).read_bytes())
        found = from_tree(tree["study"])
        if (
            home.stores is not None
            or tree["stores"] != change_marks.identity(home)
            or found.driver != driver_here(home, study)
        ):
            return None
        return found if found.driver or _same(tree, change_marks.content(home, study, found.experiment_id)) else None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, sqlite3.Error):
        return None


def _same(tree: dict[str, Any], content: change_marks.Marks | None) -> bool:
    return content is not None and tree["content"] == content


def write_snapshot(home: Home, found: Overview, content: change_marks.Marks | None) -> None:
    """Write a study's snapshot; errors are ignored. `content`: of the stores, when they were read."""
    file = snapshot_file(home, found.name)
    beside = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    with suppress(OSError):
        try:
            tree = {"stores": change_marks.identity(home), "content": content, "study": found.as_tree()}
            file.parent.mkdir(exist_ok=True)  # without parents: a missing home is not recreated
            beside.write_text(json.dumps(tree), encoding="utf-8")
            beside.replace(file)
        finally:
            beside.unlink(missing_ok=True)


def content_of(home: Home, study: str, experiment_id: str) -> change_marks.Marks | None:
    """Return the change marks of a study's content in the stores, None if unknown."""
    with suppress(OSError, sqlite3.Error):
        return change_marks.content(home, study, experiment_id)
    return None
