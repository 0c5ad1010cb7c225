"""`mamlab doctor`: lists what disagrees in a study, as a table or JSON.

`--fix` repairs without training, under the driver's lock, and then checks again: what is left needs a restart, or
cannot be fixed.
"""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from ..json_output import print_json
from ..stores.home import Home
from ..stores.locations import find_moved
from ..stores.locks import DriverBusy, driver_lock
from ..stores.read_only import readable
from ..text import plain_table, print_notes, say
from .diagnosis import diagnose, fix_all
from .disagreement import Disagreement
from .state import StoredStudy, read_stored


def examine(home: Home, name: str, console: Console, *, fix: bool, as_json: bool) -> int:
    """Print what disagrees in the study `name`, and fix it if `fix`; return 1 if something is left, else 0.

    Without `fix` nothing in the home is written. Raises UnknownStudyError, LocationError if artifacts are missing, and
    with `fix` DriverBusy if a driver is running.
    """
    stored, fixed, left = _fix(home, name) if fix else _found(home, name)
    if as_json:
        rows = [{"what": one.what, "mended": True} for one in fixed]
        rows += [{"what": one.what, "mended": False, "fix": one.remedy} for one in left]
        print_json("doctor", {"study": name, "driver": stored.driver, "disagreements": rows, "notes": stored.notes})
    else:
        print_notes(console, stored.notes)
        _print(stored, console, fixed, left)
    return int(bool(left))


def _found(home: Home, name: str) -> tuple[StoredStudy, list[Disagreement], list[Disagreement]]:
    """Return the study, an empty list of fixes, and what disagrees."""
    with readable(home, as_it_is=True) as place:
        moved = find_moved(place)  # read first: opening the copy rewrites them
        stored = read_stored(place, name)
        left = diagnose(stored)
    if moved:
        left.insert(0, Disagreement(moved.summary(home), "rewritten", lambda: None))
    return stored, [], left


def _fix(home: Home, name: str) -> tuple[StoredStudy, list[Disagreement], list[Disagreement]]:
    """Fix; return the study as it was, what was fixed and what is left."""
    moved = find_moved(home)
    read_stored(home, name)  # rewrites the locations of a moved home
    with driver_lock(home.locks / f"{name}.lock", name):
        stored = read_stored(home, name, alone=True)
        if stored.driver:
            raise DriverBusy(f'study "{name}" is being run by {stored.driver}; stop it there first, then use --fix')
        fixed, left = fix_all(stored)
    return stored, [*([Disagreement(moved.summary(home), "rewritten")] if moved else []), *fixed], left


def _print(stored: StoredStudy, console: Console, fixed: list[Disagreement], left: list[Disagreement]) -> None:
    name = stored.name
    if stored.driver:
        say(console, f"{name} is being run by {stored.driver}; only ended runs are compared.")
    if not fixed and not left:
        say(console, f"{name}: no problem found; both databases, the checkpoints and the journal agree.")
        return
    table = plain_table("what disagrees", "fixed" if fixed else "--fix")
    for one in fixed:
        table.add_row(Text(one.what), Text(one.remedy, style="green"))
    for one in left:
        table.add_row(Text(one.what, style="yellow"), Text(one.remedy))
    console.print(table)
    if fixed or not any(one.fix for one in left):
        say(console, f"{len(fixed)} fixed, {len(left)} left.")
    else:
        say(console, f"To fix: {stored.home.command('doctor', name, '--fix')}")
