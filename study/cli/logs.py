"""`mamlab logs`: what the workers of a study have printed, of all runs or of one, once or as it comes."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from trainers.errors import InputError

from ..engine.snapshot import driver_here
from ..stores.home import Home

HEAD = re.compile(r"--- (.*) \(seed \d+\)")
"""The line with which a worker begins a run."""
LOOK_SECONDS = 0.5


class LogReader:
    """Reads a study's log files as they grow; each file is one worker's.

    Args:
        files: gives the files that there are now.
        run: part of a run's name; only its lines are given. Empty: all.
    """

    def __init__(self, files: Callable[[], list[Path]], run: str = "") -> None:
        self._files, self._run = files, run.casefold()
        self._read: dict[Path, int] = {}
        self._wanted: dict[Path, bool] = {}
        self._last: Path | None = None

    def lines(self) -> Iterator[str]:
        """Yield the lines that are new, with the file's name before those of another file."""
        for file in self._files():
            new = [line for line in self._new(file) if self._matches(file, line)]
            if new and file != self._last:
                yield f"[{file.name}]"
                self._last = file
            yield from new

    def _new(self, file: Path) -> list[str]:
        with file.open("rb") as log:
            log.seek(self._read.get(file, 0))
            content = log.read()
        whole = content[: content.rfind(b"\n") + 1]
        self._read[file] = self._read.get(file, 0) + len(whole)
        return whole.decode("utf-8", "replace").splitlines()

    def _matches(self, file: Path, line: str) -> bool:
        if HEAD.fullmatch(line):
            self._wanted[file] = self._run in line.casefold()
        return self._wanted.get(file, not self._run)


def log_files(home: Home, study: str) -> list[Path]:
    """Return a study's log files. Raises InputError, naming the studies that have some, if it has none."""
    found = sorted((home.logs / study).glob("worker-*.log"))
    if not found:
        known = ", ".join(sorted(one.name for one in home.logs.glob("*") if any(one.glob("worker-*.log")))) or "none"
        raise InputError(f'no logs of a study "{study}" in {home.logs} (there are logs of: {known})')
    return found


def show_logs(home: Home, study: str, run: str, follow: bool, write: Callable[[str], None]) -> None:
    """Give `write` the lines of a study's logs, and with `follow` those that come, until nobody drives it or Ctrl-C.

    Raises InputError for a study without logs, and for a run that no line is of.
    """
    reader = LogReader(lambda: log_files(home, study), run)
    some = False
    for line in reader.lines():
        write(line)
        some = True
    if run and not some and not follow:
        raise InputError(f'no run of "{study}" has {run!r} in its name; mamlab logs {study} shows all')
    with suppress(KeyboardInterrupt):
        drives = follow
        while drives:
            drives = bool(driver_here(home, study))  # once more after its end: its last lines
            for line in reader.lines():
                write(line)
            time.sleep(LOOK_SECONDS if drives else 0)
