"""`mamlab doctor`: what disagrees in a study, as a table or JSON, and mended on demand.

`--fix` mends without training, under the driver's lock, and looks again: what is left then needs a restart, or cannot
be mended.
"""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from ..json_output import print_json
from ..stores.home import Home
from ..stores.locations import find_moved
from ..stores.locks import DriverBusy, driver_lock
from ..stores.reading import readable
from ..text import plain_table, print_notes, say
from .diagnosis import diagnose, mend
from .disagreement import Disagreement
from .state import StoredStudy, read_stored


def examine(home: Home, name: str, console: Console, *, fix: bool, as_json: bool) -> int:
    """Print what disagrees in the study `name`, mended if `fix`; return 1 if something is left, else 0.

    Without `fix` nothing in the home is written. Raises UnknownStudyError for an unknown study, DriverBusy with `fix`
    if a driver lives; LocationError for artifacts that are not here.
    """
    stored, mended, left = _mended(home, name) if fix else _found(home, name)
    if as_json:
        rows = [{"what": one.what, "mended": True} for one in mended]
        rows += [{"what": one.what, "mended": False, "fix": one.remedy} for one in left]
        print_json("doctor", {"study": name, "driver": stored.driver, "disagreements": rows, "notes": stored.notes})
    else:
        print_notes(console, stored.notes)
        _print(stored, console, mended, left)
    return int(bool(left))


def _found(home: Home, name: str) -> tuple[StoredStudy, list[Disagreement], list[Disagreement]]:
    """Return both stores, nothing mended, and what disagrees."""
    with readable(home, as_it_is=True) as place:
        moved = find_moved(place)  # which are rewritten in the copy that is read
        stored = read_stored(place, name)
        left = diagnose(stored)
    if moved:
        left.insert(0, Disagreement(moved.told(home), "rewritten", lambda: None))
    return stored, [], left


def _mended(home: Home, name: str) -> tuple[StoredStudy, list[Disagreement], list[Disagreement]]:
    """Mend; return both stores as they were, what was mended and what is left."""
    moved = find_moved(home)
    read_stored(home, name)  # which rewrites the locations of a home that was moved
    with driver_lock(home.locks / f"{name}.lock", name):
        stored = read_stored(home, name, alone=True)
        if stored.driver:
            raise DriverBusy(f'study "{name}" is being run by {stored.driver}; stop it there first, then use --fix')
        mended, left = mend(stored)
    return stored, [*([Disagreement(moved.told(home), "rewritten")] if moved else []), *mended], left


def _print(stored: StoredStudy, console: Console, mended: list[Disagreement], left: list[Disagreement]) -> None:
    name = stored.name
    if stored.driver:
        say(console, f"{name} is being run by {stored.driver}; only ended runs are compared.")
    if not mended and not left:
        say(console, f"{name}: the stores, the checkpoints and the journal agree.")
        return
    table = plain_table("what disagrees", "mended" if mended else "--fix")
    for one in mended:
        table.add_row(Text(one.what), Text(one.remedy, style="green"))
    for one in left:
        table.add_row(Text(one.what, style="yellow"), Text(one.remedy))
    console.print(table)
    if mended or not any(one.cure for one in left):
        say(console, f"{len(mended)} fixed, {len(left)} left.")
    else:
        say(console, f"To fix: {stored.home.command('doctor', name, '--fix')}")
