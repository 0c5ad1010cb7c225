"""Finds the images of each class and split in a user's folder, and the files that are skipped."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .classes import SPLITS, Split
from .config import DataError
from .pictures import endings

Classes = dict[str, list[Path]]

LINE_BREAKS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
"""Where `str.splitlines` breaks lines."""
AT_ONCE = 10
"""Number of items that are listed together; further ones are counted."""
SYNONYMS: dict[Split, tuple[str, ...]] = {
    "train": ("train", "training", "metatrain", "base"),
    "val": ("val", "valid", "validation", "dev", "metaval", "metavalid", "metavalidation"),
    "test": ("test", "testing", "metatest", "novel"),
}
PICTURES = ("images", "image", "imgs", "img", "pictures", "photos")
"""Names of a class's subfolder that holds its images, beside other subfolders such as masks."""
_SYSTEMS = ("@eadir", "__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "lost+found", "icon\r")


def hidden(name: str) -> bool:
    """Whether a file or folder should be ignored: hidden, or created by a system (Thumbs.db, __MACOSX, ...)."""
    return name.startswith(".") or name.lower() in _SYSTEMS


def shown(name: str) -> str:
    """Return a file's name as one line of UTF-8 text: line breaks and bytes that are no UTF-8 as escapes."""
    text = name.encode("utf-8", "backslashreplace").decode()
    return "".join(json.dumps(one)[1:-1] if one in LINE_BREAKS else one for one in text)


def listed(names: Iterable[str], between: str = ", ", most: int = AT_ONCE) -> str:
    """Return the first `most` names and a count of the others."""
    return between.join(capped(list(names), most))


def capped(lines: Sequence[str], most: int = AT_ONCE) -> list[str]:
    """Return the first `most` lines and a line with a count of the others."""
    return [*lines[:most], *([f"and {len(lines) - most} more"] if len(lines) > most else [])]


@dataclass
class Found:
    """Content of a folder: the images of each class of each split (or of the single flat folder, before it is split),
    and notes.
    """

    splits: dict[Split, Classes] = field(default_factory=dict)
    flat: Classes | None = None
    notes: list[str] = field(default_factory=list)


def look(root: Path) -> Found:
    """Return the images in `root`: class folders, or three folders of them, one per split.

    Split names may be any of `SYNONYMS`, in upper or lower case. A class may keep its images in a single subfolder.
    Raises DataError if splits are ambiguous or incomplete, OSError if a folder cannot be listed.
    """
    if not root.is_dir():
        raise DataError(f"image_folder: path {root} is not a folder; give the folder that holds the class folders")
    found = Found()
    while _wraps(root):
        (root,) = _folders(root)
    splits = _splits(root, _folders(root))
    if splits is None:
        found.flat = _classes(root, found.notes)
    else:
        _note(f"the folder {root.name}", _others(root), found.notes)
        found.splits = {split: _classes(splits[split], found.notes) for split in SPLITS}
    return found


def _wraps(root: Path) -> bool:
    """Whether `root` contains only a single folder of folders, as unpacked archives do."""
    folders = _folders(root)
    if len(folders) != 1 or any(_plain(folders[0].name) in names for names in SYNONYMS.values()):
        return False
    return bool(_folders(folders[0])) and not (_pictures(root) or _pictures(folders[0]))


def _splits(root: Path, folders: Sequence[Path]) -> dict[Split, Path] | None:
    """Return the folder of each split; None if the folders are classes."""
    places = {split: [f for f in folders if _plain(f.name) in names] for split, names in SYNONYMS.items()}
    present = [split for split in SPLITS if places[split]]
    others = [f.name for f in folders if not any(f in found for found in places.values())]
    exact = [f.name for f in folders if f.name in SPLITS]
    if not exact and (len(present) < 2 or others):
        return None
    if twice := [found for found in places.values() if len(found) > 1]:
        names = " and ".join(folder.name for folder in twice[0])
        raise DataError(
            f"image_folder: {root} has {names}, which are the same split; put all its classes into one of them"
        )
    if others:
        raise DataError(
            f"image_folder: {root} has the split folder {places[present[0]][0].name} beside the folder {others[0]}; "
            "put class folders into train, val and test only, or rename the class"
        )
    if missing := [split for split in SPLITS if split not in present]:
        have = " and ".join(places[split][0].name for split in present)
        raise DataError(
            f"image_folder: {root} has {have} but no folder {missing[0]}; add it with class folders, "
            "or put all class folders directly into one folder to have them split"
        )
    return {split: places[split][0] for split in SPLITS}


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "").replace(" ", "")


def _classes(root: Path, notes: list[str]) -> Classes:
    """Return the images of each class folder in `root`; skipped files are added to `notes`."""
    _note(f"the folder {root.name}", [*_others(root), *_pictures(root)], notes)
    return {folder.name: _class(folder, notes) for folder in _folders(root)}


def _class(folder: Path, notes: list[str]) -> list[Path]:
    """Return the images of a class: those in its folder, or those in its only subfolder that has any."""
    own, below = _pictures(folder), {f: _pictures(f) for f in _folders(folder)}
    passed_over = _others(folder)
    if not own:
        full = [f for f, pictures in below.items() if pictures]
        chosen = [f for f in full if f.name.lower() in PICTURES] or full
        if len(chosen) > 1:
            names = listed(f.name for f in chosen)
            raise DataError(
                f"image_folder: class {folder.name} ({folder}) has no pictures of its own but {len(chosen)} folders"
                f" with pictures ({names}); put its pictures into one folder, or give the folder whose folders are the"
                " classes"
            )
        if chosen:
            own, passed_over = below.pop(chosen[0]), [*passed_over, *_others(chosen[0])]
    _note(f"class {folder.name}", passed_over, notes)
    for other in below:
        inside = sum(not hidden(name) for _, _, names in os.walk(other) for name in names)
        if inside:
            notes.append(f"class {folder.name}: {_files(inside)} skipped, because its folder {other.name} is not read")
    return own


def _note(where: str, files: Sequence[Path], notes: list[str]) -> None:
    """Add notes on skipped files, by their extensions, and on broken links, by name."""
    dead = [file.name for file in files if not file.exists()]
    if dead:
        notes.append(f"{where}: {_files(len(dead))} skipped (broken links: {listed(dead)})")
    counts = Counter(file.suffix.lower() or "no ending" for file in files if file.exists())
    if counts:
        kinds = ", ".join(kind if len(counts) == 1 else f"{count} {kind}" for kind, count in sorted(counts.items()))
        notes.append(f"{where}: {_files(counts.total())} skipped ({kinds})")


def _files(count: int) -> str:
    return f"{count} file{'' if count == 1 else 's'}"


def _folders(root: Path) -> list[Path]:
    return sorted(p for p in root.iterdir() if p.is_dir() and not hidden(p.name))


def _pictures(folder: Path) -> list[Path]:
    files = (p for p in folder.iterdir() if p.suffix.lower() in endings() and not hidden(p.name))
    return sorted(p for p in files if p.is_file())


def _others(folder: Path) -> list[Path]:
    """Return the files in `folder` that are not images, and broken links."""
    found = (p for p in folder.iterdir() if not hidden(p.name) and not p.is_dir())
    return sorted(p for p in found if p.suffix.lower() not in endings() or not p.is_file())
