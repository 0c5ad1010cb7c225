"""The studies that faults are done to, their undisturbed results, and drivers in processes of their own."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from study.config import StudyConfig, parse_spec
from study.driver import run_study
from study.executors import Executor
from study.home import Home
from study.snapshot import Snapshot
from tests.study_tests.books import LOADER, TRAINER, _workers, ablation, fresh_home, search
from tests.toy import toy_data
from trainers.data.classes import ClassData
from trainers.data.config import DataConfig

from .invariants import Results, results

EPOCH_SECONDS = 0.15
"""Of the stand-in, in drivers that are to be disturbed."""
STOPPED = 3
"""Exit status of a driver that was stopped by a signal."""
ARMS = {"a": "{}", "b": '{ "outer.lr" = 0.1 }', "c": '{ "outer.lr" = 0.01 }', "d": '{ "outer.lr" = 0.02 }'}
SMALL = """
episodes = { ways = 3, tasks = 2 }
model = { filters = 4, blocks = 2 }
inner = { steps = 2 }
evaluation = { val_tasks = 6, test_tasks = 8, top_k = 2 }
device = "cpu"
"""


def toy(config: DataConfig, folder: Path) -> ClassData:
    """Return the toy data, whatever the spec names."""
    return toy_data()


@dataclass(frozen=True)
class Case:
    """A study, who trains it, and on what."""

    config: StudyConfig
    trials: int
    trainer: str = TRAINER
    loader: str = LOADER

    def run(
        self, home: Home, show: Callable[[Snapshot], None] = lambda snapshot: None, executor: Executor | None = None
    ) -> Snapshot:
        """Run the study in this process, on workers that stay for the next call."""
        assert self.config.execution.workers != "auto"
        workers = executor or _workers(self.config.execution.workers)
        return run_study(self.config, home, show, trainer=self.trainer, loader=self.loader, executor=workers)

    def start(self, home: Home) -> subprocess.Popen[bytes]:
        """Start the study's driver in a process and a process group of its own."""
        spec = home.root / f"{self.config.study.name}.toml"
        spec.write_text(self.config.spec_text)
        command = [
            sys.executable,
            "-m",
            "tests.fault_tests.cases",
            str(home.root),
            str(spec),
            self.trainer,
            self.loader,
        ]
        environment = {**os.environ, "STAND_IN_SECONDS": str(EPOCH_SECONDS)}
        return subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
        )


def hunt() -> Case:
    """A search by one worker, which must come out the same whatever happens: parameters, verdicts, numbers."""
    return Case(search(trials=10, workers=1), 10)


def arms(name: str = "arms", retries: int = 1000, workers: int = 2, extra: str = "") -> Case:
    """An ablation of the stand-in by two workers."""
    config = ablation(ARMS, seeds=2, name=name, retries=retries, workers=workers)
    return Case(parse_spec(config.spec_text.replace("retries =", f"{extra}\nretries =")) if extra else config, 8)


def real() -> Case:
    """An ablation with the real trainer: tiny networks on toy data."""
    text = ablation(dict(list(ARMS.items())[:2]), seeds=2, name="real", retries=1000).spec_text
    old = "budget = { epochs = 3, iterations = 1 }"
    assert old in text
    text = text.replace(old, "budget = { epochs = 4, iterations = 4 }" + SMALL)
    return Case(parse_spec(text), 4, "trainers.training:train", "tests.fault_tests.cases:toy")


@cache
def calm(make: Callable[[], Case]) -> Results:
    """Return the numbers of the case's study when nothing happens to it."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    case, home = make(), fresh_home(folder)
    assert case.run(home).finished
    return results(home, case.config)


def new_home(folder: Path, name: object) -> Home:
    """Return a fresh home in `folder`."""
    place = folder / str(name)
    place.mkdir()
    return fresh_home(place)


def epoch_files(home: Home) -> set[Path]:
    """Return the checkpoints of epochs that are there."""
    return set(home.checkpoints.glob("*/epoch-*.ckpt"))


def wait_for_new_epochs(home: Home, count: int, driver: subprocess.Popen[bytes], seconds: float = 120) -> bool:
    """Return True when `count` more checkpoints have been written, False if the driver has ended before."""
    there = epoch_files(home)
    seen, deadline = set(there), time.monotonic() + seconds
    while len(seen) < len(there) + count:
        if driver.poll() is not None:
            return False
        assert time.monotonic() < deadline, "the driver does not get on"
        seen |= epoch_files(home)
        time.sleep(0.01)
    return True


def ended(driver: subprocess.Popen[Any], seconds: float = 90) -> tuple[int, str]:
    """Wait for a driver; return its exit status and what it complained of."""
    _, errors = driver.communicate(timeout=seconds)
    return driver.returncode, errors.decode()


if __name__ == "__main__":  # HOME SPEC TRAINER LOADER
    root, spec_file, trainer_address, loader_address = sys.argv[1:]
    last = run_study(
        parse_spec(Path(spec_file).read_text()), Home(Path(root)), lambda snapshot: None,
        trainer=trainer_address, loader=loader_address,
    )  # fmt: skip
    sys.exit(0 if last.finished else STOPPED)
