"""`mamlab init`: writes a commented spec file that fits the data and this machine."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from reports.text import many
from trainers.data.config import DataError
from trainers.errors import InputError

from ..spec.set_options import toml_text
from ..stores.home import Home
from ..text import say

if TYPE_CHECKING:
    from trainers.data.survey import Survey

TEMPLATES = Path(__file__).parent / "init_specs"
KINDS = ("search", "ablation", "images", "examples")
COMMANDS = {"search": "search", "ablation": "ablate", "images": "search"}
SIDES = (28, 32, 48, 64, 84)
"""Proposed image sizes: the largest one not above the median of the pictures' shorter sides is used."""
WAYS, SHOTS, QUERIES = 5, 1, 15
"""Task settings if there are enough classes and pictures."""


def write_init(
    kind: str, folder: Path | None, out: Path | None, console: Console, home: Home, skip: Path | None = None
) -> None:
    """Write a spec file of the given kind, for the pictures in `folder` (except those listed in `skip`) or for glyphs,
    and print the next commands.

    Raises InputError for an unknown kind, an unusable folder, or a file that already exists.
    """
    if kind not in KINDS:
        raise InputError(f"init {kind}: unknown kind; choose one of {', '.join(KINDS)}")
    if kind == "examples":
        return _write_examples(out or folder or Path("examples"), console)
    if kind == "images" and folder is None:
        folder = _only_folder()
    if skip and folder is None:
        raise InputError(f"--skip {skip} needs a folder of pictures: mamlab init {kind} FOLDER --skip {skip}")
    file = out or Path(f"{kind}.toml")
    if os.path.lexists(file):
        raise InputError(f"{file} already exists; move it away, or name another file with --out")
    found = _survey(folder, skip) if folder else None
    values = _values(kind, file, folder, found, skip) | {"name": _name(kind, folder, out)}
    text = (TEMPLATES / f"{kind}.toml").read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    if found:
        say(console, _summary(found))
        for note in found.notes:
            say(console, f"note: {note}")
    say(console, f"Wrote {file}. Read it and adapt it to your study.")
    for step in ("plan", COMMANDS[kind]):
        say(console, f"Next: {home.command(step, str(file))}")
    return None


def examples_folder() -> Path:
    """Return the folder of example files, in the installed package or in the checkout."""
    package = Path(__file__).parents[1]
    installed = package / "examples"
    return installed if installed.is_dir() else package.parent / "examples"


def _write_examples(to: Path, console: Console) -> None:
    if os.path.lexists(to):
        raise InputError(f"{to} already exists; move it away, or name another folder: mamlab init examples FOLDER")
    shutil.copytree(examples_folder(), to)
    count = len(list(to.rglob("*.toml")))
    say(console, f"Wrote {many(count, 'spec file')} and a notebook to {to}.")


def _only_folder() -> Path:
    """Return the only folder of pictures in the current folder. Raises InputError if there is not exactly one."""
    found = [one for one in sorted(Path().iterdir()) if one.is_dir() and not one.name.startswith(".") and _holds(one)]
    if len(found) != 1:
        names = ", ".join(one.name for one in found) or "none"
        raise InputError(f"name the folder of pictures: mamlab init images FOLDER (candidates here: {names})")
    return found[0]


def _holds(folder: Path) -> bool:
    """Whether a folder has pictures in class folders."""
    try:
        _survey(folder)
    except (DataError, OSError):
        return False
    return True


def _survey(folder: Path, skip: Path | None = None) -> Survey:
    from trainers.data.survey import survey

    found = survey(folder, skip)
    if found.fewest_classes < 2 or found.smallest[1] < 2:
        name, count = found.smallest
        raise DataError(
            f"{folder} is too small: each of train, val and test needs at least 2 classes (the smallest has "
            f"{found.fewest_classes}), and each class at least 2 pictures ({name} has {count}). "
            "An unsplit folder needs at least 10 classes, which are split into 6, 2 and 2"
        )
    return found


def _values(kind: str, file: Path, folder: Path | None, found: Survey | None, skip: Path | None) -> dict[str, str]:
    gpu = _gpu()
    side, ways, queries = 28, WAYS, QUERIES
    data = '[data]\nsource = "glyphs"             # letters, drawn on this machine; or omniglot, cifar_fs'
    if found:
        side = max([one for one in SIDES if one <= found.side], default=SIDES[0])
        ways, queries = min(WAYS, found.fewest_classes), min(QUERIES, found.smallest[1] - SHOTS)
        data = f'[data]\nsource = "image_folder"\npath = {toml_text(str(folder))}\nsize = {side}'
        data += f"                     # every picture is cropped to its central square and resized to {side} x {side}"
        data += f"\nskip = {toml_text(str(skip))}" if skip else ""
        data += "\ngrayscale = true              # all sampled pictures are grey" if found.grey else ""
    else:
        queries = 5
    shots = f"episodes = {{ ways = {ways}, shots = {SHOTS}, queries = {queries}, tasks = {4 if gpu else 2} }}"
    return {
        "for": f" for {folder}: {_counts(found)}" if found else "", "file": str(file),
        "data": data, "episodes": shots, "filters": "64" if gpu else "16", "blocks": "4",
        "iterations": "200" if gpu else "60", "machine": gpu or f"one a core: {_cores()} here",
    }  # fmt: skip


def _counts(found: Survey) -> str:
    return f"{many(found.classes, 'class', 'classes')}, {many(found.pictures, 'picture')}"


def _summary(found: Survey) -> str:
    from trainers.data.folders import shown

    name, count = found.smallest
    parts = ", ".join(f"{len(classes)} {split}" for split, classes in found.splits.items())
    smallest = "each class has" if found.alike else f"the smallest class, {shown(name)}, has"
    return (
        f"{found.root}: {_counts(found)}, {'grey' if found.grey else 'in colour'}; {parts} classes; {smallest}"
        f" {many(count, 'picture')}."
    )


def _name(kind: str, folder: Path | None, out: Path | None) -> str:
    """Return a study's name, of letters, digits, dashes and underscores: that of the file, if --out named one, or else
    of the folder. Two files then are two studies.
    """
    words = out.stem if out else folder.resolve().name if folder else "glyphs"
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", words).strip("-_")
    return (plain or "pictures")[:50] + ("" if kind == "images" or out else f"-{kind}")


def _gpu() -> str:
    """Return the GPU for the comment in the spec file; empty without one."""
    import torch

    return f"one on the GPU: {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""


def _cores() -> int:
    from ..workers.executors.placement import cores_here

    return cores_here()
