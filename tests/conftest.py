from __future__ import annotations

import gc
import os
import signal
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from trainers.data import Glyphs, load

from .font_subsets import keep_subsets
from .processes import end_what_is_left

SERIAL = {"test_executors.py", "test_ray_start.py", "test_ray_home.py", "test_ray_node.py", "test_stores.py"}
"""Start Ray or PostgreSQL: two at once would be no fault, and slow."""
LONG = ("serial", "fault_tests", "study_tests", "reports_tests")
"""Parts of the names of groups whose tests take seconds, not milliseconds."""


def _do_not_sync(connection: Any, _: object) -> None:
    """Let SQLite not wait for the disk at each commit, which matters only when the power fails."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous=OFF")


def _nothing(*arguments: object) -> None:
    pass


# A job in the background of a script, or one of nohup, inherits ignored signals and would hand them on to all that
# tests start.
# Handlers are not inherited: with one that does nothing, this process still ignores the signal and its children do not.
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, _nothing)


def pytest_configure(config: pytest.Config) -> None:
    """See to it that nothing outlives this process; with `-n`, the processes that run the tests do so."""
    gc.set_threshold(20_000, 20, 20)  # a seventh of the time went into looking through all that libraries keep
    if not getattr(config.option, "numprocesses", None):
        end_what_is_left()
        keep_subsets()
        event.listen(Engine, "connect", _do_not_sync)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `-n`, give each file to one process, and all files of SERIAL to the same one."""
    from xdist.scheduler import LoadScopeScheduling

    config.option.loadscopereorder = False
    scheduler: Any = LoadScopeScheduling(config, log)
    scheduler._split_scope = _group
    return scheduler


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With `-n`, begin with the groups that take long; the quick ones at the end keep all processes busy."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: next((i for i, part in enumerate(LONG) if part in _group(item.nodeid)), len(LONG)))


def _group(nodeid: str) -> str:
    file = nodeid.partition("::")[0]
    return "serial" if Path(file).name in SERIAL else file


@pytest.fixture(scope="session")
def glyphs_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with the embedded letters in it: drawn once, for all processes of a session."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "glyphs"
    folder.mkdir(exist_ok=True)
    load(Glyphs(), folder)
    return folder
