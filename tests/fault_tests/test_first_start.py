"""Stores that somebody is killed in making, or that two make at once: the next start always works."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from study.stores.connect import open_mlflow, open_optuna
from study.stores.home import Home
from tests.processes import PATIENCE_SECONDS

FIRST_START = """
import sys
from pathlib import Path
import mlflow.store.tracking.sqlalchemy_store, optuna.storages
from study.stores.home import Home
from study.stores.connect import open_mlflow, open_optuna
print("ready", flush=True)
home = Home(Path(sys.argv[1]))
open_optuna(home)
open_mlflow(home)
"""
LONGEST = 4.0
"""Seconds that making both stores takes, about."""


def start(home: Path) -> subprocess.Popen[bytes]:
    """Start a process that makes the stores of a home; it has imported what it needs."""
    process = subprocess.Popen([sys.executable, "-c", FIRST_START, str(home)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def revisions(home: Path) -> set[str]:
    """Return the schema revisions of the stores that are there."""
    found = set()
    for file in home.glob("*.db"):
        with closing(sqlite3.connect(file)) as database:
            found |= {revision for (revision,) in database.execute("SELECT version_num FROM alembic_version")}
    return found


@pytest.mark.parametrize("kills", [pytest.param(10, marks=pytest.mark.faults)])
def test_a_killed_first_start_leaves_no_half_made_store(kills: int, tmp_path: Path, moments: random.Random) -> None:
    for number in range(kills):
        home = tmp_path / str(number)
        process = start(home)
        time.sleep(moments.uniform(0, LONGEST))
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=PATIENCE_SECONDS)
        there = revisions(home)
        open_optuna(Home(home)).remove_session()
        client = open_mlflow(Home(home))
        assert there <= revisions(home)  # what is there is complete
        assert len(revisions(home)) == 2
        assert client.search_runs([client.create_experiment("one")]) == []
        assert sorted(file.suffix for file in home.glob("*.db*") if "-" not in file.name) == [".db", ".db"]


@pytest.mark.faults
def test_two_first_starts_at_once_make_one_store(tmp_path: Path) -> None:
    both = [start(tmp_path), start(tmp_path)]
    for process in both:
        process.communicate(timeout=PATIENCE_SECONDS)
    assert [process.returncode for process in both] == [0, 0]
    assert len(revisions(tmp_path)) == 2
