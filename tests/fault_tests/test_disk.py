"""Homes whose disk is full, read-only or gone for a while: real disks, in a mount namespace of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.study_tests.drivers import PATIENCE_SECONDS

from .cases import new_home
from .test_checkpoints import NAMESPACE, can_mount


@pytest.mark.skipif(not can_mount(), reason="no user namespaces here, so no small disk can be made")
@pytest.mark.faults
@pytest.mark.parametrize("fault", ["home", "read_only", "moved", "stop"])
def test_a_home_whose_disk_fails_for_3_seconds_costs_no_run(fault: str, tmp_path: Path) -> None:
    """No retry is allowed, so that a run which is counted as failed stays so; "stop" is Ctrl-C while it waits."""
    home = new_home(tmp_path, "home")
    command = [*NAMESPACE, sys.executable, "-m", "tests.fault_tests.disk_full", str(home.root), fault, "3"]
    environment = {**os.environ, "STAND_IN_SECONDS": "0.2"}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False, env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the disk failed, and nothing was lost" in done.stdout
    assert f"The home {home.root} " in done.stdout
