"""A study whose checkpoints lie on a disk of 1 MiB that fills up: HOME.

Run inside a mount namespace of its own (`unshare`), where a tmpfs can be mounted by anybody; see test_disk.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from study.executors import LocalExecutor
from study.home import Home
from study.snapshot import Snapshot

from .cases import calm, real
from .invariants import check_invariants


def main(root: Path, after: int) -> None:
    """Fill the disk after so many epochs; make room when a run has failed for want of it."""
    home, case, numbers = Home(root), real(), calm(real)
    home.checkpoints.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(home.checkpoints)], check=True)
    filler, seen = home.checkpoints / "filler", set[str]()

    def fill_and_free(snapshot: Snapshot) -> None:
        full = [message for message in snapshot.messages if "No space left on device" in message]
        if not seen and sum(row.epoch for row in snapshot.running) >= after:
            seen.add("filled")
            with filler.open("wb", buffering=0) as file:
                while _write(file.fileno()):
                    pass
        elif "filled" in seen and full and "freed" not in seen:
            seen.add("freed")
            filler.unlink()

    workers = LocalExecutor(2, 1, home.logs)
    last = case.run(home, fill_and_free, workers)
    workers.close()
    assert seen == {"filled", "freed"}, seen
    assert last.finished
    check_invariants(home, case.config, numbers)
    print("the disk was full, and nothing was lost")


def _write(descriptor: int) -> bool:
    try:
        os.write(descriptor, bytes(512))
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
