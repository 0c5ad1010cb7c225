"""`mamlab logs`: prints the workers' logs of a study, for all runs or one, and can follow them."""

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
"""First line of a run in a worker's log."""
POLL_SECONDS = 0.5


class LogReader:
    """Reads a study's log files, one per worker, as they grow.

    Args:
        files: returns the current files.
        run: part of a run's name; only its lines are read. Empty: all.
    """

    def __init__(self, files: Callable[[], list[Path]], run: str = "") -> None:
        self._files, self._run = files, run.casefold()
        self._read: dict[Path, int] = {}
        self._wanted: dict[Path, bool] = {}
        self._last: Path | None = None

    def lines(self) -> Iterator[str]:
        """Yield the new lines; the file's name comes first whenever the file changes."""
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
    """Return a study's log files. Raises InputError if there are none, listing the studies with logs."""
    found = sorted((home.logs / study).glob("worker-*.log"))
    if not found:
        known = ", ".join(sorted(one.name for one in home.logs.glob("*") if any(one.glob("worker-*.log")))) or "none"
        raise InputError(f'no logs of a study "{study}" in {home.logs} (studies with logs: {known})')
    return found


def show_logs(home: Home, study: str, run: str, follow: bool, write: Callable[[str], None]) -> None:
    """Pass the lines of a study's logs to `write`; with `follow`, also new ones until the driver ends or Ctrl-C.

    Raises InputError for a study without logs, or if no run matches.
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
            drives = bool(driver_here(home, study))  # read once more after its end, for the last lines
            for line in reader.lines():
                write(line)
            time.sleep(POLL_SECONDS if drives else 0)
