"""Drivers in processes of their own, to be killed and stopped: HOME SPEC TRAINER LOADER."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from study.engine.driver import run_study
from study.spec.config import StudyConfig
from study.spec.parsing import parse_spec
from study.stores.home import Home

from ..processes import PATIENCE_SECONDS as PATIENCE_SECONDS  # for those that wait for drivers
from .store_rows import LOADER, TRAINER

EPOCH_SECONDS = 0.15
"""Of the stand-in, in drivers that are to be disturbed."""
STOPPED = 3
"""Exit status of a driver that was stopped by a signal."""


def start(
    config: StudyConfig, home: Home, *, seconds: float = EPOCH_SECONDS, trainer: str = TRAINER, loader: str = LOADER
) -> subprocess.Popen[bytes]:
    """Start the study's driver in a process and a process group of its own; an epoch of the stand-in takes
    `seconds`.
    """
    spec = home.root / f"{config.study.name}.toml"
    spec.write_text(config.spec_text)
    command = [sys.executable, "-m", "tests.study_tests.drivers", str(home.root), str(spec), trainer, loader]
    environment = {**os.environ, "STAND_IN_SECONDS": str(seconds)}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )


def epoch_files(home: Home) -> set[Path]:
    """Return the checkpoints of epochs that are there."""
    return set(home.checkpoints.glob("*/epoch-*.ckpt"))


def wait_for_new_epochs(home: Home, count: int, driver: subprocess.Popen[bytes]) -> bool:
    """Return True when `count` more checkpoints have been written, False if the driver has ended before."""
    there = epoch_files(home)
    seen, deadline = set(there), time.monotonic() + PATIENCE_SECONDS
    while len(seen) < len(there) + count:
        if driver.poll() is not None:
            return False
        assert time.monotonic() < deadline, "the driver does not get on"
        seen |= epoch_files(home)
        time.sleep(0.01)
    return True


def ended(driver: subprocess.Popen[Any]) -> tuple[int, str]:
    """Wait for a driver; return its exit status and what it complained of."""
    _, errors = driver.communicate(timeout=PATIENCE_SECONDS)
    return driver.returncode, errors.decode()


if __name__ == "__main__":
    root, spec_file, trainer_address, loader_address = sys.argv[1:]
    last = run_study(
        parse_spec(Path(spec_file).read_text()), Home(Path(root)), lambda progress: None,
        trainer=trainer_address, loader=loader_address,
    )  # fmt: skip
    sys.exit(0 if last.finished else STOPPED)
