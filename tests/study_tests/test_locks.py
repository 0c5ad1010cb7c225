"""Locks say who holds them: a driver's, the stores', a training's, a data set's."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import trainers.locks
from study.cli.status import study_page
from study.engine import lock_waits
from study.engine.progress import StudyProgress
from study.engine.status import read_study
from study.stores.home import Home
from study.stores.locks import file_lock, holder
from trainers.data.arrays import cached

from ..processes import PATIENCE_SECONDS, running
from .store_rows import ablation, fresh_home, run

HOLD = """
import sys, time
from pathlib import Path
from trainers.locks import locked
path = Path(sys.argv[1])
path.parent.mkdir(parents=True, exist_ok=True)
with path.open("a") as file, locked(file, path):
    print("held", flush=True)
    time.sleep(600)
"""


@contextmanager
def another_holder(path: Path, stopped: bool = False) -> Iterator[int]:
    """Let another process hold the lock on `path`; give its process id."""
    with running([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True) as one:
        assert one.stdout is not None
        assert one.stdout.readline() == "held\n"
        if stopped:
            one.send_signal(signal.SIGSTOP)
        yield one.pid


def who(process: int) -> str:
    return f"host {socket.gethostname()}, process {process}, since 20"


@pytest.mark.parametrize("before", ["", "an old version's words\n", "host h, process 1, since then\n" * 9])
def test_a_lock_file_names_its_holder_whatever_was_in_it(tmp_path: Path, before: str) -> None:
    path = tmp_path / "some.lock"
    path.write_text(before)
    assert holder(path) is None
    with another_holder(path, stopped=True) as process:
        assert re.fullmatch(rf"{who(process)}\S+ \S+", holder(path) or "")
    assert holder(path) is None
    assert holder(tmp_path / "none.lock") is None


def test_a_lock_of_the_first_version_is_held_by_nobody_knows_whom(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert holder(path) == "an unknown process"


def take_stores(folder: Path) -> None:
    with file_lock(folder / "stores.lock"):
        pass


def take_data(folder: Path) -> None:
    assert cached(folder / "set.npz", lambda: {"a": np.arange(3)})["a"].tolist() == [0, 1, 2]


@pytest.mark.parametrize(("take", "name"), [(take_stores, "stores.lock"), (take_data, "set.lock")])
def test_who_waits_for_a_lock_says_for_which_and_who_holds_it(
    take: object, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert callable(take)
    monkeypatch.setattr(trainers.locks, "NOTICE_SECONDS", 0.3)
    with another_holder(tmp_path / name, stopped=True) as process:
        said = list[str]()

        def end() -> None:
            deadline = time.monotonic() + PATIENCE_SECONDS
            while not said and time.monotonic() < deadline:
                time.sleep(0.05)
                said.extend(filter(None, capfd.readouterr().err.split("\n")))
            os.kill(process, signal.SIGKILL)

        listener = threading.Thread(target=end)
        listener.start()
        take(tmp_path)
        listener.join()
    (line,) = filter(None, [*said, *capfd.readouterr().err.split("\n")])
    assert line.startswith(f"note: waiting for the lock {tmp_path / name}, held by {who(process)}")


def test_ctrl_c_ends_the_wait_for_a_lock(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from study.stores.locks import file_lock
from study.stopping import StopSignals
with StopSignals():
    print("ready", flush=True)
    with file_lock(Path(sys.argv[1])):
        print("mine")
"""
    path = tmp_path / "stores.lock"
    with another_holder(path):
        command = [sys.executable, "-c", code, str(path)]
        with running(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as one:
            assert one.stdout is not None
            assert one.stdout.readline() == "ready\n"
            time.sleep(0.3)
            one.send_signal(signal.SIGTERM)
            out, errors = one.communicate(timeout=PATIENCE_SECONDS)
    assert "KeyboardInterrupt" in errors
    assert out == ""


def test_a_run_whose_training_another_process_holds_is_named_with_its_holder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock_waits, "NOTICE_SECONDS", 0.5)
    home, config = fresh_home(tmp_path), ablation({"a": "{}", "b": '{ "outer.lr" = 0.1 }'}, seeds=1, workers=1)
    assert run(config, home).finished
    more = ablation({"a": "{}", "b": '{ "outer.lr" = 0.1 }', "c": '{ "outer.lr" = 0.2 }'}, seeds=1, workers=1)
    (tmp_path / "other").mkdir()
    other = fresh_home(tmp_path / "other")
    assert run(more, other).finished
    (cell,) = {folder.name for folder in other.checkpoints.iterdir()} - {f.name for f in home.checkpoints.iterdir()}
    pages, began = list[str](), time.monotonic()

    def show(progress: StudyProgress) -> None:
        assert pages or time.monotonic() - began < 120, "nothing was said of the run that waits"
        if any(" is waiting" in message for message in progress.messages) and not pages:
            pages.append(page_of(home))
            os.kill(process, signal.SIGKILL)

    with another_holder(home.checkpoints / cell / "lock", stopped=True) as process:
        last = run(more, home, show)
    told = f"c / seed 1 is waiting: the same training is running in {who(process)}"
    assert next(message for message in last.messages if " is waiting" in message).startswith(told)
    assert f"waits    c / seed 1: waiting, because the same training is running in {who(process)}" in pages[0]
    assert last.counts == {"complete": 3}
    assert "waits" not in page_of(home)


def page_of(home: Home) -> str:
    console = Console(file=StringIO(), width=200)
    console.print(study_page(read_study(home, "arms").overview))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()
