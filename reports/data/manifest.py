"""Manifest of the files that mamlab wrote into a folder; it never replaces or removes any others."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from ..records import ReportError

MANIFEST = "manifest.json"
MAKER, FORMAT = "mamlab", 1
REPORT, MODEL = "report", "model"


@dataclass(frozen=True)
class Manifest:
    """What a folder holds.

    Attributes:
        what: REPORT or MODEL.
        study: name of the study.
        files: SHA-256 of each file by its path within the folder, with "/" between folders.
        adopted: the files are older than the manifest, so their integrity is unknown.
    """

    what: str
    study: str
    files: Mapping[str, str] = field(default_factory=dict)
    adopted: bool = False

    @classmethod
    def of(cls, folder: Path, what: str, study: str, names: Iterable[str], *, adopted: bool = False) -> Manifest:
        """Return the manifest of the files `names` in `folder`, as they are now."""
        return cls(what, study, {name: checksum(folder / name) for name in sorted(names)}, adopted)

    def to_text(self) -> str:
        """Return the manifest's text; the same files give the same text."""
        head = {"maker": MAKER, "format": FORMAT, "what": self.what, "study": self.study}
        marked = {"adopted": True} if self.adopted else {}
        return json.dumps({**head, **marked, "files": dict(self.files)}, indent=1, ensure_ascii=False) + "\n"

    def changed(self, folder: Path, names: Iterable[str]) -> Iterator[str]:
        """Yield a message for each of `names` that is missing or changed in `folder`: "runs.csv is missing"."""
        for name in names:
            path = folder / name
            if name in self.files and not path.is_file():
                yield f"{name} is missing"
            elif name in self.files and checksum(path) != self.files[name]:
                yield f"{name} is damaged, or was changed since it was written"


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_manifest(folder: Path) -> Manifest | None:
    """Return the manifest in `folder`; None without one of mamlab's. Raises ReportError if it is damaged."""
    path = folder / MANIFEST
    if not path.is_file():
        return None
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        tree: Any = json.loads(text)
    except (ValueError, RecursionError):
        if f'"maker": "{MAKER}"' not in text:
            return None
        raise _damaged(path) from None
    if not isinstance(tree, dict) or tree.get("maker") != MAKER:
        return None
    if not _is_sound(tree):
        raise _damaged(path)
    return Manifest(tree["what"], tree["study"], tree["files"], bool(tree.get("adopted")))


def _is_sound(tree: Mapping[str, Any]) -> bool:
    files = tree.get("files")
    texts = [tree.get("what"), tree.get("study"), *(files.values() if isinstance(files, dict) else [None])]
    return all(isinstance(text, str) for text in texts) and isinstance(files, dict) and all(map(_stays_inside, files))


def _stays_inside(name: str) -> bool:
    """Return whether a name from a manifest stays within its folder; a manifest may come from anybody."""
    parts = PurePosixPath(name).parts
    return bool(parts) and ".." not in parts and not name.startswith("/") and "\\" not in name and "\0" not in name


def _damaged(path: Path) -> ReportError:
    return ReportError(
        f"{path} is damaged, so mamlab cannot tell which files in that folder it wrote; if it wrote all of them, delete"
        f" {path.name}, else name another folder"
    )
