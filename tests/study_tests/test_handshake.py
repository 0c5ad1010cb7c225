"""What a worker must show before its first job; with real nodes: tests/fault_tests/test_ray_home.py."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from study.stores.home import Home
from study.workers.executors.handshake import Handshake, Question, answer, left_over, own_code


@pytest.fixture
def handshake(tmp_path: Path) -> Iterator[Handshake]:
    (tmp_path / "pictures").mkdir()
    found = Handshake(Home(tmp_path / "home"), (tmp_path / "pictures",))
    yield found
    found.close()


def lack(handshake: Handshake, question: Question) -> str:
    return handshake.lack(answer(question, "node", "10.0.0.2 (b)", 1))


def test_a_worker_that_sees_the_home_lacks_nothing_and_leaves_nothing(handshake: Handshake) -> None:
    root = handshake.question.root
    assert lack(handshake, handshake.question) == ""
    assert [file for file in root.rglob("*") if file.is_file()] == [root / "locks" / handshake.question.name]
    handshake.close()
    assert not [file for file in root.rglob("*") if file.is_file()]


def test_what_a_driver_left_that_was_killed_goes_with_the_next_one(handshake: Handshake, tmp_path: Path) -> None:
    home, lives = Home(tmp_path / "home"), handshake.question.name
    answer(replace(handshake.question), "node", "b", 1)  # of a worker whose driver has not looked yet
    left = f"handshake-{'0' * 32}"
    for file in (home.locks / left, home.checkpoints / f"{left}-00000000", home.locks / "handshake-notes.txt"):
        file.write_text("theirs")
    assert {file.name for file in left_over(home)} == {left, f"{left}-00000000"}
    other = Handshake(home)
    names = {file.name for file in [*home.locks.iterdir(), *home.checkpoints.iterdir()]}
    assert {name.partition(lives)[2][:1] for name in names if name.startswith(lives)} == {"", "-"}
    assert names - {name for name in names if name.startswith(lives)} == {other.question.name, "handshake-notes.txt"}
    other.close()


def test_an_empty_folder_a_copy_and_a_folder_that_cannot_be_written_are_told_apart(
    handshake: Handshake, tmp_path: Path
) -> None:
    asked = handshake.question
    assert lack(handshake, replace(asked, root=tmp_path / "empty")).startswith(f"does not see the home {asked.root}: ")
    assert not (tmp_path / "empty").exists()  # nothing is made where the home is not
    copy = tmp_path / "copy"
    shutil.copytree(asked.root, copy)
    assert lack(handshake, replace(asked, root=copy)).startswith(
        f"sees a different folder at {asked.root / 'checkpoints'}: "
    )
    shutil.rmtree(copy / "checkpoints")
    assert lack(handshake, replace(asked, root=copy)).startswith("cannot write to ")
    (asked.root / "locks" / asked.name).write_text("an older driver's")
    assert lack(handshake, asked).startswith("does not see the home ")


def test_data_outside_the_home_must_be_there_too(handshake: Handshake, tmp_path: Path) -> None:
    (tmp_path / "pictures").rmdir()
    assert lack(handshake, handshake.question).startswith(
        f"does not see the data {tmp_path / 'pictures'}: mount or copy"
    )


@pytest.mark.parametrize(
    ("field", "told"),
    [("python", "python X"), ("torch", "torch X"), ("mamlab", "mamlab X"), ("source", "source of mamlab X")],
)
def test_other_versions_are_named_with_both(handshake: Handshake, field: str, told: str) -> None:
    reply = answer(handshake.question, "node", "10.0.0.2 (b)", 1)
    changes: dict[str, str] = {field: "X"}
    other = replace(reply, code=replace(reply.code, **changes))
    ours = getattr(own_code(), field)
    assert handshake.lack(other) == f"has {told} (here {ours}): install the same version there"
