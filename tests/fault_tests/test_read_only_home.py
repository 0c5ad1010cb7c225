"""A home on a read-only disk, and moved: every reader works, every writer says what it cannot write."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.homes import unpack

from .test_checkpoints import NAMESPACE, can_mount

READERS = """
from study.cli import run
for command in (["status"], ["report", "ab", "--out", "../../report"], ["verify", "../../report"],
                ["export", "se", "../../model"], ["clean"]):
    assert run([*command, "--home", "runs"]) == 0, command
assert run(["doctor", "ab", "--home", "runs"]) == 1
for command in (["report", "ab"], ["ablate", "ablation.toml"], ["doctor", "ab", "--fix"]):
    assert run([*command, "--home", "runs"]) == 2, command
"""


@pytest.mark.faults
@pytest.mark.skipif(not can_mount(), reason="no user namespaces here, so no read-only disk can be made")
def test_a_read_only_home_is_read(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    place = unpack(tmp_path / "disk")
    before = (place / "runs" / "mlflow.db").read_bytes()
    mount = f"mount --bind {tmp_path}/disk {tmp_path}/disk && mount -o remount,ro,bind {tmp_path}/disk"
    command = [*NAMESPACE, "sh", "-c", f'{mount} && cd {place} && exec "$0" -c "$1"', sys.executable, READERS]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    assert "32 stored locations name /srv/mamlab/runs" in " ".join(done.stdout.split())
    assert "Traceback" not in done.stderr
    assert "Read-only file system" in done.stderr
    assert (place / "runs" / "mlflow.db").read_bytes() == before
    assert (tmp_path / "report" / "index.html").is_file()
    assert (tmp_path / "model" / "README.md").is_file()
