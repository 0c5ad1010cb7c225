"""Who lives, by signs of drivers whose clocks are wrong, on this machine and on others."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from study.stores import heartbeat
from study.stores.heartbeat import TAG, Heartbeat, known_driver, parse_driver_tag, running_drivers
from study.stores.home import Home
from study.stores.locks import DriverBusy
from study.stores.machine import is_alive, started, this_machine

from ..processes import PATIENCE_SECONDS, running
from .far_driver import far_sign

DAY = 86400.0
HERE = Path("/runs")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "DEAD_SECONDS", 0.5)


@pytest.fixture
def process() -> Iterator[int]:
    """Another process of this machine."""
    with running(["sleep", "3600"]) as one:
        yield one.pid


def local_sign(process: int, **more: Any) -> str:
    """Return the sign of a driver of another home, in a process of this machine."""
    said = {"host": socket.gethostname(), "machine": this_machine(), "started": started(process)}
    return far_sign(**{"beat": time.time(), "process": process, **said, **more})


def alive(*values: str, home: Path = HERE) -> bool:
    """Whether a driver counts as running whose tag has these values one after the other, and then keeps the last."""
    seen = list(values)
    return bool(running_drivers(lambda: {"arms": seen.pop(0) if len(seen) > 1 else seen[0]}, home))


@pytest.mark.parametrize("clock", [-DAY, -90.0, 0.0, 90.0, DAY, 4e9])
def test_a_driver_of_another_machine_lives_if_its_sign_changes_whatever_its_clock_says(clock: float) -> None:
    now = time.time() + clock
    assert alive(far_sign(now), far_sign(now), far_sign(now + 20))
    assert alive(far_sign(now), far_sign(now - 20))
    assert not alive(far_sign(now + 1))
    assert not alive(far_sign(now + 2), "")


def test_a_driver_that_starts_while_another_is_watched_lives() -> None:
    assert alive(far_sign(1.0), far_sign(1.0, token="another", process=8))


@pytest.mark.parametrize("clock", [-DAY, 0.0, DAY])
def test_a_process_of_this_machine_lives_or_is_dead_at_once(
    process: int, clock: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "DEAD_SECONDS", 2 * PATIENCE_SECONDS)
    began = time.monotonic()
    assert alive(local_sign(process, beat=time.time() + clock))
    assert not alive(
        local_sign(process, beat=time.time() + clock, started="1")
    )  # the number is another process's by now
    assert not alive(local_sign(2**22 + 1, beat=time.time() + clock))
    assert not alive(local_sign(process, home=str(HERE)))  # whoever asks has that home's lock
    assert time.monotonic() - began < PATIENCE_SECONDS


def test_a_container_of_the_same_name_is_another_machine() -> None:
    tag = local_sign(os.getpid(), machine="another boot pid:[1]")
    assert known_driver(tag, HERE).startswith(
        f"host {socket.gethostname()}, process {os.getpid()}, since noon; last heartbeat"
    )
    assert alive(tag, tag.replace("noon", "one"))
    assert not alive(tag)


@pytest.mark.skipif(shutil.which("unshare") is None, reason="no unshare here")
def test_another_namespace_of_processes_is_another_machine() -> None:
    command = ["unshare", "--user", "--map-root-user", "--pid", "--kill-child", "--mount-proc", sys.executable, "-c"]
    code = "from study.stores.machine import this_machine; print(this_machine())"
    done = subprocess.run([*command, code], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("no namespaces here")
    assert done.stdout.strip().split()[0] == this_machine().split()[0]
    assert done.stdout.strip() != this_machine()


def test_a_driver_that_was_killed_and_not_yet_waited_for_is_dead() -> None:
    with running(["sleep", "3600"]) as one:
        since = started(one.pid)
        assert is_alive(one.pid, since)
        os.kill(one.pid, signal.SIGSTOP)
        assert is_alive(one.pid, since)
        one.kill()
        os.waitid(os.P_PID, one.pid, os.WEXITED | os.WNOWAIT)
        assert not is_alive(one.pid, since)


def old(host: str, process: int, beat: float) -> str:
    """Return a sign of the first version."""
    return json.dumps({"host": host, "process": process, "home": "/elsewhere", "since": "noon", "beat": beat})


def test_signs_of_the_first_version_are_understood(process: int) -> None:
    host, now = socket.gethostname(), time.time()
    assert not alive(old(host, 2**22 + 1, now))
    assert not alive(old(host, process, now))  # that number may be another process's
    assert alive(old(host, process, now + 1), old(host, process, now + 21))
    assert alive(old("far", 7, now - DAY), old("far", 7, now - DAY + 20))
    assert not alive(old("far", 7, now + DAY + 1))


@pytest.mark.parametrize(
    "tag", ["", "{}", "[]", "nonsense", "null", '{"host": 1}', far_sign(0).replace(": 7", ': "7"')]
)
def test_what_is_no_sign_is_nobody_s(tag: str) -> None:
    assert parse_driver_tag(tag) is None
    assert known_driver(tag, HERE) == ""
    assert not alive(tag)


def test_readers_say_what_is_known_and_do_not_wait(process: int) -> None:
    assert known_driver(local_sign(process), HERE) == f"host {socket.gethostname()}, process {process}, since noon"
    assert known_driver(local_sign(2**22 + 1), HERE) == ""
    assert known_driver(far_sign(4e9), HERE).startswith("host far, process 7, since noon; last heartbeat at 2096-10-0")
    assert known_driver(far_sign(1e300), HERE).endswith("last heartbeat at an invalid time (its clock)")


def test_who_waits_says_so_and_once_sure_does_not_wait_again(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not alive(far_sign(4e9, token="said"))
    said = capfd.readouterr().err
    assert 'note: study "arms" was being run by host far, process 7, since noon, last heartbeat at 2096-' in said
    assert "waiting up to 0.5 s to see whether it is still running" in said
    monkeypatch.setattr(heartbeat, "DEAD_SECONDS", 2 * PATIENCE_SECONDS)
    began = time.monotonic()
    assert not alive(far_sign(4e9, token="said"))
    assert time.monotonic() - began < PATIENCE_SECONDS


def test_a_driver_stops_when_its_sign_is_another_s(tmp_path: Path) -> None:
    mine = Heartbeat(Home(tmp_path))
    mine.refuse_successor("arms", mine.next_tag())
    mine.refuse_successor("arms", "")
    for other in (far_sign(0.0), old("far", 7, 0.0), Heartbeat(Home(tmp_path)).next_tag()):
        with pytest.raises(DriverBusy, match=r'study "arms" was taken over by host .*; this driver stops'):
            mine.refuse_successor("arms", other)


WAITS = """
import sys, time
from pathlib import Path
from study.stores import heartbeat
from study.stopping import StopSignals
from tests.study_tests.far_driver import far_sign
with StopSignals():
    print("ready", flush=True)
    heartbeat.running_drivers(lambda: {"arms": far_sign(1.0)}, Path("/runs"))
"""


def test_ctrl_c_ends_the_wait() -> None:
    command = [sys.executable, "-c", WAITS]
    with running(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as one:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
        time.sleep(0.5)
        one.send_signal(signal.SIGINT)
        _, errors = one.communicate(timeout=PATIENCE_SECONDS)
    assert "KeyboardInterrupt" in errors


def test_the_tag_is_called_as_ever() -> None:
    assert TAG == "mamlab.driver"
