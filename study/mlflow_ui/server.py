"""The MLflow UI on the right store: started, pointed at by full addresses, stopped cleanly."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rich.console import Console
from rich.text import Text

from trainers.errors import InputError, MamlabError

from ..engine.views import CHARTS, saved_views, view_path
from ..processes import server_environment
from ..stopping import stop_signals
from ..stores.connect import open_mlflow
from ..stores.home import Home
from ..stores.study_names import require_store
from ..stores.urls import redact
from ..text import say

HOST = "127.0.0.1"
DEFAULT_PORT = 5000
READY_SECONDS = 90.0


def address(server: str, experiment_id: str, view: str = "") -> str:
    """Return the full address of an experiment's run table on `server`, in a saved view if one is named."""
    return f"{redact(server)}/{view_path(experiment_id, view)}"


def check_port(port: int) -> None:
    """Raise InputError, naming a free port, if `port` is taken on this machine."""
    if not 1 <= port <= 65535:
        raise InputError(f"--port must be between 1 and 65535, not {port}")
    if not _free(port):
        other = next((p for p in range(port + 1, min(port + 50, 65536)) if _free(p)), None)
        hint = f"; {other} is free: mamlab ui --port {other}" if other else "; choose another with --port"
        raise InputError(f"port {port} is taken{hint}")


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port just given back is free
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


@contextmanager
def serving(home: Home, port: int = DEFAULT_PORT, log: Path | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Run the MLflow server on `home`'s store while the block lasts; it answers when the block begins.

    Its output goes to `log` (default: `ui.log` in the home). Raises MamlabError if there are no runs, the port is
    taken, or the server does not come up.
    """
    require_store(home)
    check_port(port)
    open_mlflow(home)  # the server would take a store as it is
    log = log or (home.stores or home.root) / "ui.log"
    with log.open("wb") as output:
        # A session of its own: Ctrl-C reaches us alone, and we stop server and workers together. A folder without
        # modules: uvicorn imports from the one that it starts in, whatever Python was told.
        server = subprocess.Popen(
            _command(port), env=_environment(home), stdout=output, stderr=output, start_new_session=True,
            cwd=Path(sys.executable).anchor,
        )  # fmt: skip
    try:
        _wait_until_ready(port, server, log)
        yield server
    finally:
        _stop(server)


def _command(port: int) -> list[str]:
    return [sys.executable, "-P", "-m", "mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1"]


def _environment(home: Home) -> dict[str, str]:
    # Without job execution 2 processes instead of 10, and no 2 GB of memory.
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    # A command line can be read by every user of the machine, and the address may hold a password.
    return server_environment(**quiet, MLFLOW_BACKEND_STORE_URI=home.mlflow_url)


def _wait_until_ready(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + READY_SECONDS
    while not _answers(port):
        if server.poll() is not None or time.monotonic() > end:
            last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:] or ["it wrote nothing"]
            raise MamlabError(f"the MLflow server did not start: {last[0]} (all of it: {log})")
        time.sleep(0.1)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}/health", timeout=2) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


def _stop(server: subprocess.Popen[bytes]) -> None:
    for how, wait in ((signal.SIGTERM, 8.0), (signal.SIGKILL, 5.0)):
        with suppress(ProcessLookupError):
            os.killpg(server.pid, how)
        with suppress(subprocess.TimeoutExpired):
            server.wait(wait)
            return


def serve(home: Home, port: int, console: Console) -> None:
    """Run the UI until Ctrl-C or SIGTERM, with the address of every study. Raises MamlabError.

    Where the store is an MLflow server, that has the UI already: its addresses are printed.
    """
    require_store(home)
    if home.mlflow_url.startswith("http"):
        _print_addresses(home, home.mlflow_url, console)
        return
    check_port(port)
    for ending in stop_signals():  # all as Ctrl-C: the server must not outlive us
        signal.signal(ending, signal.default_int_handler)
    console.print("Starting the MLflow UI ...", style="dim")
    with suppress(KeyboardInterrupt), serving(home, port) as server:
        _print_addresses(home, f"http://{HOST}:{port}", console)
        console.print("Open one of these; Ctrl-C stops.", style="dim")
        server.wait()
        raise MamlabError(f"the MLflow server ended by itself; {(home.stores or home.root) / 'ui.log'} says why")
    console.print("Stopped.", style="dim")


def _print_addresses(home: Home, server: str, console: Console) -> None:
    for name, experiment_id, views in _experiments(home):
        console.print(Text(name, style="bold"), soft_wrap=True)
        for view, title in views.items():
            where = address(server, experiment_id, view)
            say(console, f"  {title}\n    {where}\n    {where}{CHARTS}")


def _experiments(home: Home) -> list[tuple[str, str, dict[str, str]]]:
    """Return name, id and saved views (key -> name) of the studies, the newest first."""
    found = open_mlflow(home).search_experiments()
    return [(one.name, one.experiment_id, saved_views(one.tags)) for one in found if one.name != "Default"]
