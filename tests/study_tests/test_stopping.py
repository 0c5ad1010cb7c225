"""Which signals end a command, by how it was started."""

import subprocess
import sys

import pytest

CODE = """
import os, signal
from study.stopping import StopSignals
with StopSignals() as stop:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        before = stop.count
        os.kill(os.getpid(), number)
        print(stop.count - before)
"""


@pytest.mark.parametrize(
    ("ignored", "counted"),
    [("", ["1", "1", "1"]), ("trap '' INT;", ["1", "1", "1"]), ("trap '' HUP;", ["1", "1", "0"])],
    ids=["in a terminal", "in the background of a script", "by nohup"],
)
def test_every_stop_signal_counts_but_a_closed_terminal_under_nohup(ignored: str, counted: list[str]) -> None:
    command = ["sh", "-c", f'{ignored} exec "$@"', "sh", sys.executable, "-c", CODE]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() == counted
