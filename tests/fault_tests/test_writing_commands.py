"""Each command that writes x SIGKILL at random moments, a full disk, and files of others where it writes."""

from __future__ import annotations

import random
import shutil
import signal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from reports.data.files import read_files
from study.spec.parsing import load_spec
from study.stores.home import Home

from .command_faults import delete_runs
from .command_homes import Place, contents, theirs
from .command_runner import apart, give
from .command_table import FULL, NOT_THEIRS, RIGHT, WRITERS
from .invariants import check_invariants, results
from .test_checkpoints import can_mount
from .test_commands import base, check, kept

__all__ = ["base"]
pytestmark = pytest.mark.faults
KILLS = 10
GONE = "f" * 64
"""A cell that no study trains."""


def prepared(base: Place, name: str, folder: Path) -> Place:
    """Return the home that a command is tried in."""
    place = base.copy(folder)
    if name == "first start":
        shutil.rmtree(place.home)
    if name == "doctor --fix":
        delete_runs(place, "ab")
    if name == "clean --yes":
        shutil.copytree(next(place.home.glob("checkpoints/*/")), place.home / "checkpoints" / GONE)
    return place


def numbers(place: Place, name: str) -> Any:
    """Return what must come out the same whatever happened on the way."""
    command, home = WRITERS[name], Home(place.home)
    if command.study:
        return results(home, config_of(place, name))
    if name.startswith("report"):
        return read_files(place.folder / command.writes)[1]
    return sorted(contents(place.folder / command.writes)) if command.writes else None


def config_of(place: Place, name: str) -> Any:
    study = WRITERS[name].study
    (file,) = [*place.folder.glob(f"{study}.toml"), *place.home.glob(f"specs/{study}.toml")]
    return load_spec(file)


@pytest.fixture(scope="session")
def calm(base: Place, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return what a command's numbers are when nothing happens to it."""

    @cache
    def undisturbed(name: str) -> Any:
        place = prepared(base, name, tmp_path_factory.mktemp("calm") / "cell")
        check(give(place, WRITERS[name].args), RIGHT, WRITERS[name].right)
        return numbers(place, name)

    return undisturbed


def check_through(place: Place, name: str, base: Place, calm: Any) -> None:
    """Give the command undisturbed; assert that all came out as if nothing had been."""
    check(give(place, WRITERS[name].args), RIGHT, WRITERS[name].right)
    if WRITERS[name].study:
        check_invariants(Home(place.home), config_of(place, name), calm(name))
    assert numbers(place, name) == calm(name)
    if name != "first start":
        kept(place, base)
    assert not (place.home / "checkpoints" / GONE).exists()


@pytest.mark.parametrize("name", WRITERS)
def test_a_writer_that_was_killed_goes_through_the_next_time(
    name: str, base: Place, calm: Any, tmp_path: Path, moments: random.Random
) -> None:
    done, homes, within = 0, 0, WRITERS[name].kill_within
    place = prepared(base, name, tmp_path / "0")
    while done < KILLS:
        answer = give(place, WRITERS[name].args, kill_after=moments.uniform(0, within))
        assert "Traceback" not in answer.text, answer.text
        if answer.status == -signal.SIGKILL:
            done += 1
        else:  # it was through before
            homes, within = homes + 1, within / 2
            place = prepared(base, name, tmp_path / str(homes))
        if name not in ("first start", "doctor --fix"):
            kept(place, base)
        print(f"{done} of {KILLS} kills, in {homes + 1} homes")
    check_through(place, name, base, calm)


@pytest.mark.skipif(not can_mount(), reason="no user namespaces here, so no small disk can be made")
@pytest.mark.parametrize("name", WRITERS)
def test_a_writer_whose_disk_is_full(name: str, base: Place, calm: Any, tmp_path: Path) -> None:
    cell = FULL[name]
    if isinstance(cell, str):
        pytest.skip(cell)
    where, room, status, pattern = cell
    place = prepared(base, name, tmp_path / "cell")
    first, second = apart(f"full:{where}:{room}:{'fails' if status else 'waits'}", place, WRITERS[name].args)
    check(first, (status, pattern), WRITERS[name].right)
    check(second, RIGHT, WRITERS[name].right)


def foreign_cells() -> list[object]:
    return [pytest.param(*cell, id=f"{cell[0]} x {cell[1]} {cell[2]}") for cell in NOT_THEIRS]


@pytest.mark.parametrize(("name", "what", "where", "status", "pattern"), foreign_cells())
def test_a_writer_finds_files_of_others_where_it_writes(
    name: str, what: str, where: str, status: int, pattern: str, base: Place, calm: Any, tmp_path: Path
) -> None:
    place = prepared(base, name, tmp_path / "cell")
    there, aside = place.folder / where, tmp_path / "aside"
    if there.exists():
        there.rename(aside)
    there.parent.mkdir(parents=True, exist_ok=True)
    theirs(there) if what == "folder" else there.write_text("theirs")
    before = contents(there) if what == "folder" else {"": there.read_bytes()}
    check(give(place, WRITERS[name].args), (status, pattern), WRITERS[name].right)
    there = set_aside if (set_aside := there.with_name(f"{there.name}.1")).exists() else there
    after = contents(there) if what == "folder" else {"": there.read_bytes()}
    assert before.items() <= after.items()
    assert status == 0 or before == after
    if status:
        shutil.rmtree(there) if what == "folder" else there.unlink()
        if aside.exists():
            aside.rename(there)
        check(give(place, WRITERS[name].args), RIGHT, WRITERS[name].right)
