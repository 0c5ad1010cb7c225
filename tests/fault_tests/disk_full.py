"""A study whose home's disk fails for a while: HOME FAULT SECONDS.

Run inside a mount namespace of its own (`unshare`), where a tmpfs can be mounted by anybody; see test_disk.py.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from study.engine.progress import StudyProgress
from study.stores.home import Home
from study.workers.executors import LocalExecutor
from tests.study_tests.store_rows import fresh_home

from .cases import Case, arms, calm, real
from .invariants import check_invariants

SMALL = {"checkpoints": "checkpoints", "stop": "checkpoints", "home": "."}
"""What lies on a disk of its own."""


def mount(folder: Path, size: str) -> None:
    """Give `folder` a disk of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)


def fill(folder: Path) -> None:
    """Fill the disk of `folder` to the last byte."""
    with (folder / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                os.write(file.fileno(), bytes(512))
        except OSError:
            pass


def make_read_only(folder: Path) -> None:
    """Lay a read-only mount of `folder` over it: what is open stays so, and all else fails with EROFS."""
    subprocess.run(["mount", "--bind", str(folder), str(folder)], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)


def faults(home: Home, fault: str) -> tuple[Callable[[], object], Callable[[], object]]:
    """Return what breaks the disk and what mends it."""
    if fault == "read_only":
        return lambda: make_read_only(home.root), lambda: subprocess.run(["umount", "-l", str(home.root)], check=True)
    if fault == "moved":
        aside = home.root.with_name("aside")
        return lambda: home.root.rename(aside), lambda: aside.rename(home.root)
    full = home.root if fault == "home" else home.checkpoints
    return lambda: fill(full), lambda: (full / "filler").unlink()


def main(root: Path, fault: str, seconds: float) -> None:
    """Break the disk after a few epochs, mend it after `seconds`, and check that nothing was lost."""
    make = real if fault == "checkpoints" else arms
    numbers = calm(make)
    case = make()
    if fault != "checkpoints":
        case = Case(arms(retries=0).config, 8)
    if fault in SMALL:
        mount(root / SMALL[fault], "24m" if fault == "home" else "1m")
    home = fresh_home(root)
    broken, mend = faults(home, fault)
    away, done = list[str](), threading.Event()

    def later() -> None:
        time.sleep(seconds)
        os.kill(os.getpid(), signal.SIGINT) if fault == "stop" else mend()

    def show(progress: StudyProgress) -> None:
        if progress.away and progress.away not in away:
            away.append(progress.away)
            print(progress.away, flush=True)
        if not done.is_set() and sum(row.epoch for row in progress.running) >= 2:
            done.set()
            broken()
            threading.Thread(target=later).start()

    workers = LocalExecutor(2, 1, home.logs)
    began = time.monotonic()
    last = case.run(home, show, workers)
    workers.close()
    print(f"{time.monotonic() - began:.1f} s, {last.counts}, {last.messages}", flush=True)
    assert away, "nobody said that the disk was away"
    if fault == "stop":
        assert last.interrupted
        mend()
        last = case.run(home)
    assert last.finished, last
    check_invariants(home, case.config, numbers)
    print("the disk failed, and nothing was lost")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], float(sys.argv[3]))
