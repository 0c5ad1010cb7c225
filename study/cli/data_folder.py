"""`mamlab data FOLDER`: checks a folder of pictures and lists its contents and all problems."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from reports.data.atomic_file import write_file
from reports.text import many
from trainers.data import load
from trainers.data.config import DataError, ImageFolder
from trainers.data.folders import Classes, look, shown
from trainers.data.image_folder import FEWEST_IMAGES, cut
from trainers.data.pictures import open_picture
from trainers.data.skip_list import list_text, without

from ..stores.home import Home
from ..text import plain_table, say
from .data_sheet import draw_sheet

SHOWN = 20
"""How many problems of a kind are printed; all are counted, and `--skip-bad` writes all."""
SIDE = 84


@dataclass(frozen=True)
class Checked:
    """The classes of a folder, notes on skipped files, unreadable pictures, and other problems."""

    root: Path
    classes: Classes
    notes: tuple[str, ...]
    bad: tuple[tuple[Path, str], ...]
    problems: tuple[str, ...]


def check_folder(root: Path) -> Checked:
    """Open every picture in a folder and collect all problems. Raises DataError if it has no clear classes."""
    found = look(root)
    every = {"": found.flat} if found.flat is not None else found.splits
    bad = [
        (file, why)
        for classes in every.values()
        for files in classes.values()
        for file in files
        if (why := _wrong(file))
    ]
    left = frozenset(file.relative_to(root).as_posix() for file, _ in bad)
    good = {split: without(classes, root, left) for split, classes in every.items()}
    problems = [
        f"class {name} has {many(len(files), 'readable picture')}, but needs at least {FEWEST_IMAGES}"
        for classes in good.values()
        for name, files in classes.items()
        if len(files) < FEWEST_IMAGES
    ]
    names = [name for classes in good.values() for name in classes]
    problems += [f"class {name} is in two splits" for name in sorted({one for one in names if names.count(one) > 1})]
    if found.flat is not None:
        try:
            cut(root, good[""], ImageFolder(path=root).fractions)
        except DataError as error:
            problems.append(str(error).removeprefix("image_folder: "))
    classes = {name: files for classes in good.values() for name, files in classes.items()}
    return Checked(root, classes, tuple(found.notes), tuple(bad), tuple(problems))


def _wrong(file: Path) -> str:
    """Return why a picture cannot be read; empty if it can."""
    try:
        open_picture(file, lambda image: image.load())
    except (DataError, OSError) as error:
        return str(error)
    return ""


def folder_page(root: Path, home: Home, console: Console, skip: Path | None) -> int:
    """Print a folder's contents and problems, draw a sheet of it, and write the list of unreadable pictures to `skip`.

    Returns 1 if problems are left, else 0.
    """
    found = check_folder(root)
    counts = {name: len(files) for name, files in found.classes.items()}
    say(console, f"{root}: {many(len(counts), 'class', 'classes')}, {many(sum(counts.values()), 'picture')}")
    if counts:
        console.print(_sizes(counts))
    _say(console, "note", found.notes)
    _say(console, "cannot be read", [why for _, why in found.bad])
    _say(console, "problem", found.problems)
    if skip and found.bad:
        _write_list(found, skip, console)
    if found.problems or (found.bad and not skip):
        if found.bad and not skip:
            say(
                console,
                f"To leave out the unreadable ones: {home.command('data', str(root), '--skip-bad', 'skip.txt')}",
            )
        return 1
    config = ImageFolder(path=root, size=SIDE, skip=skip if found.bad else None)
    data = load(config, home.data)
    for split, classes in data.splits.items():
        say(
            console,
            f"{split}: {many(len(classes), 'class', 'classes')}, {many(sum(one.count for one in classes), 'picture')}",
        )
    _say(console, "note", [note for note in data.notes if note not in found.notes])
    say(console, f"samples: {draw_sheet(data, home.data / f'{data.name}.png')}")
    say(console, f"Next: {home.command('init', 'images', str(root), *(('--skip', str(skip)) if found.bad else ()))}")
    return 0


def _sizes(counts: dict[str, int]) -> Table:
    """Return a table of the smallest, the median and the largest class; of one row if all are equal."""
    ordered = sorted(counts.items(), key=lambda one: (one[1], one[0]))
    table = plain_table("", "pictures", "class", numbers=["pictures"])
    (smallest, fewest), (_, middle), (largest, most) = ordered[0], ordered[len(ordered) // 2], ordered[-1]
    if fewest == most:
        table.add_row("each class", str(most), "")
        return table
    table.add_row("smallest class", str(fewest), shown(smallest))
    table.add_row("median", str(middle), "")
    table.add_row("largest class", str(most), shown(largest))
    return table


def _say(console: Console, what: str, lines: list[str] | tuple[str, ...]) -> None:
    for line in lines[:SHOWN]:
        say(console, f"{what}: {shown(line)}")
    if len(lines) > SHOWN:
        say(console, f"{what}: and {len(lines) - SHOWN} more")


def _write_list(found: Checked, skip: Path, console: Console) -> None:
    if os.path.lexists(skip) and not skip.read_text(encoding="utf-8", errors="replace").startswith("# Pictures of "):
        raise DataError(f"{skip} already exists and was not written by mamlab; name another file with --skip-bad")
    write_file(skip, list_text(found.root, found.bad))
    say(
        console,
        f'{many(len(found.bad), "picture")} listed in {skip}. To leave them out, write [data] skip = "{skip}" in your '
        "spec file.",
    )
