"""Each command that reads x what has happened to the home; command_table.py has the commands and the cells."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .command_faults import FAULTS
from .command_homes import FOREIGN, Answer, Place, contents, settled
from .command_runner import apart, give
from .command_table import READ_ONLY, READERS, RIGHT, WHEN, Cell
from .test_checkpoints import can_mount

pytestmark = pytest.mark.faults


def check(answer: Answer, cell: Cell, right: str) -> None:
    """Assert that a command ended and said as the cell has it."""
    status, pattern = cell
    text = " ".join(answer.text.split())
    assert "Traceback" not in text, answer.text
    assert answer.status == status, answer.text
    assert re.search(pattern or right, text), answer.text


def kept(place: Place, base: Place) -> None:
    """Assert that what is not mamlab's is as it was, and that no complete run is lost."""
    assert {name: (place.home / name).read_text() for name in FOREIGN} == dict.fromkeys(FOREIGN, "theirs")
    assert contents(place.folder / "pics") == contents(base.folder / "pics")
    assert place.complete() >= base.complete()


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return settled(tmp_path_factory.mktemp("base"))


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", READERS)
def test_a_reader_says_what_has_happened_and_loses_nothing(name: str, fault: str, base: Place, tmp_path: Path) -> None:
    place, command, cell = base.copy(tmp_path / "cell"), READERS[name], WHEN[fault].get(name, RIGHT)
    if isinstance(cell, str):
        pytest.skip(cell)
    with FAULTS[fault](place) as now:
        answer = give(now, command.args)
    check(answer, cell, command.right)
    if fault == "home moved":
        now.home.rename(place.home)
    kept(place, base)
    if cell != RIGHT:
        check(give(place, command.args), RIGHT, command.right)
        kept(place, base)


@pytest.mark.skipif(not can_mount(), reason="no user namespaces here, so nothing can be made read-only for root")
def test_what_is_read_from_a_home_that_cannot_be_written(base: Place, tmp_path: Path) -> None:
    place = base.copy(tmp_path / "cell")
    before = contents(place.folder)
    answers = apart("locked", place, *[command.args for command in READERS.values()])
    for (name, command), answer in zip(READERS.items(), answers, strict=True):
        print(name)
        check(answer, READ_ONLY.get(name, RIGHT), command.right)
    after = contents(place.folder)
    assert {name: after[name] for name in before} == before
    assert all(name.startswith("model/") for name in after.keys() - before.keys())
