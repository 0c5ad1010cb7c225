"""What tests start ends with them, and starts with the signals that a terminal gives, however the tests were
started.
"""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from .processes import PATIENCE_SECONDS, running

ROOT = Path(__file__).parents[1]
PROBE = """
import signal, subprocess, sys

def test_a_child_can_be_interrupted():
    code = "import signal; print(*(signal.getsignal(n) == signal.SIG_IGN for n in (signal.SIGINT, signal.SIGHUP)))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == ["False", "False"]

def test_something_is_left():
    subprocess.Popen(["sleep", "4321"], start_new_session=True)
"""


def test_where_signals_are_ignored_children_of_tests_still_hear_them_and_none_outlives_the_run(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text("from tests.conftest import *\n")
    (tmp_path / "test_probe.py").write_text(PROBE)
    pytest_ = f"{sys.executable} -m pytest -q -p no:cacheprovider -c /dev/null --rootdir {tmp_path} {tmp_path}"
    done = subprocess.run(
        ["sh", "-c", f"trap '' INT HUP; {pytest_}"],
        env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=PATIENCE_SECONDS,
    )  # fmt: skip
    assert "2 passed" in done.stdout, done.stdout + done.stderr
    assert "left running by a test, now killed: sleep 4321" in done.stderr


def test_a_process_ends_with_its_block_and_with_it_what_it_started_in_another_session() -> None:
    code = "import subprocess; print(subprocess.Popen(['sleep', '3600'], start_new_session=True).pid, flush=True)"
    with running([sys.executable, "-c", code + "; input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as one:
        assert one.stdout is not None
        server = int(one.stdout.readline())
        os.kill(server, 0)
    assert one.returncode == -signal.SIGKILL
    end = time.monotonic() + PATIENCE_SECONDS
    while Path(f"/proc/{server}/exe").exists():
        assert time.monotonic() < end
        time.sleep(0.01)
