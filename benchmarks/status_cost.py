"""CPU seconds of `mamlab status`, of `mamlab --help` and of `import mamlab`, each in its own process."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from study.engine.driver import run_study
from study.stores.home import Home

from . import scaling
from .measure import Row, children_seconds, seconds

REPEATS = 5
STATUS = {10: (1.0, 0.5), 1000: (2.0, 0.5)}
"""Number of runs -> the limit and the aim for the CPU seconds of `mamlab status`."""
WORKERS = 8
"""Threads that simulate training."""


def rows(folder: Path | None) -> Iterator[Row]:
    """Yield the rows. There is nothing to compare with the paper's code in `folder`."""
    yield _row("`import mamlab`", ["-c", "import mamlab"], 0.3, 0.1)
    yield _row("`mamlab --help`", ["-m", "study.cli", "--help"], 1.0, 0.5)
    for runs, (must, aim) in STATUS.items():
        with tempfile.TemporaryDirectory() as place:
            make_study(Home(Path(place)), runs)
            yield _row(f"`mamlab status`, {runs} runs", ["-m", "study.cli", "status", "--home", place], must, aim)


def make_study(home: Home, runs: int) -> None:
    """Run a search with this many trials, whose training takes no time."""
    before, scaling.EPOCH_SECONDS = scaling.EPOCH_SECONDS, 0.0
    try:
        config = scaling.study("search", runs, WORKERS, "random")
        workers = scaling.ThreadExecutor(WORKERS)
        run_study(config, home, lambda progress: None, loader="benchmarks.scaling:load", executor=workers)
    finally:
        scaling.EPOCH_SECONDS = before


def _row(what: str, arguments: list[str], must: float, aim: float) -> Row:
    found = sorted(_cpu_seconds(arguments) for _ in range(REPEATS))
    return Row(what, median(found), "s", must, aim, f"{seconds(found[0])} to {seconds(found[-1])} CPU", REPEATS)


def _cpu_seconds(arguments: list[str]) -> float:
    before = children_seconds()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, env={**os.environ})
    return children_seconds() - before
