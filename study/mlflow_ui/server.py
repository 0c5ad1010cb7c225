"""The MLflow UI on the right store: started, pointed at by full addresses, stopped cleanly."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import webbrowser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from trainers.errors import InputError, MamlabError

from ..processes import server_environment
from ..stopping import stop_signals
from ..stores.connect import open_mlflow
from ..stores.home import Home
from ..stores.study_names import require_store
from ..text import say
from .addresses import ShownStudy, address_lines, refuse_open, shown_studies, tunnel

HOST = "127.0.0.1"
DEFAULT_PORT = 5000
READY_SECONDS = 90.0


@dataclass(frozen=True)
class Choices:
    """How the UI is served: the study to open (empty: the latest), whether in a browser, and who can reach it."""

    port: int = DEFAULT_PORT
    study: str = ""
    browser: bool = True
    host: str = HOST
    anyone: bool = False


def check_port(port: int, host: str = HOST) -> None:
    """Raise InputError, naming a free port, if `port` of `host` is taken, or if this machine has no such host."""
    if not 1 <= port <= 65535:
        raise InputError(f"--port must be between 1 and 65535, not {port}")
    if not _free(port, host):
        other = next((p for p in range(port + 1, min(port + 50, 65536)) if _free(p, host)), None)
        hint = f"; {other} is free: mamlab ui --port {other}" if other else "; choose another with --port"
        raise InputError(f"port {port} is taken{hint}")


def _free(port: int, host: str) -> bool:
    try:
        family, kind, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port just given back is free
            probe.bind(place)
    except OSError as error:
        if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
            raise InputError(f"--host {host}: this machine has no such address") from None
        return False
    return True


def reached_at(host: str) -> str:
    """Return the host under which this machine reaches a server that listens on `host`, as it stands in an address."""
    here = {"0.0.0.0": HOST, "::": "::1"}.get(host, host)
    return f"[{here}]" if ":" in here else here


@contextmanager
def serving(
    home: Home, port: int = DEFAULT_PORT, log: Path | None = None, host: str = HOST
) -> Iterator[subprocess.Popen[bytes]]:
    """Run the MLflow server on `home`'s store while the block lasts; it answers when the block begins.

    Its output goes to `log` (default: `ui.log` in the home). Raises MamlabError if there are no runs, the port is
    taken, or the server does not come up.
    """
    require_store(home)
    check_port(port, host)
    open_mlflow(home)  # the server would take a store as it is
    log = log or (home.stores or home.root) / "ui.log"
    with log.open("wb") as output:
        # A session of its own: Ctrl-C reaches us alone, and we stop server and workers together. A folder without
        # modules: uvicorn imports from the one that it starts in, whatever Python was told.
        server = subprocess.Popen(
            _command(port, host), env=_environment(home), stdout=output, stderr=output, start_new_session=True,
            cwd=Path(sys.executable).anchor,
        )  # fmt: skip
    try:
        _wait_until_ready(f"http://{reached_at(host)}:{port}", server, log)
        yield server
    finally:
        _stop(server)


def _command(port: int, host: str) -> list[str]:
    return [sys.executable, "-P", "-m", "mlflow", "server", "--host", host, "--port", str(port), "--workers", "1"]


def _environment(home: Home) -> dict[str, str]:
    # Without job execution 2 processes instead of 10, and no 2 GB of memory.
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    # A command line can be read by every user of the machine, and the address may hold a password.
    return server_environment(**quiet, MLFLOW_BACKEND_STORE_URI=home.mlflow_url)


def _wait_until_ready(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + READY_SECONDS
    while not _answers(address):
        if server.poll() is not None or time.monotonic() > end:
            last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:] or ["it wrote nothing"]
            raise MamlabError(f"the MLflow server did not start: {last[0]} (all of it: {log})")
        time.sleep(0.1)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=2) as reply:
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


def serve(home: Home, choices: Choices, console: Console) -> None:
    """Run the UI until Ctrl-C or SIGTERM, with the address of every study. Raises MamlabError.

    Where the store is an MLflow server, that has the UI already: its addresses are printed.
    """
    require_store(home)
    if home.mlflow_url.startswith("http"):
        _print(home, shown_studies(home, choices.study), home.mlflow_url, console)
        return
    refuse_open(choices.host, choices.anyone)
    check_port(choices.port, choices.host)
    for ending in stop_signals():  # all as Ctrl-C: the server must not outlive us
        signal.signal(ending, signal.default_int_handler)
    console.print("Starting the MLflow UI ...", style="dim")
    with suppress(KeyboardInterrupt):
        studies, server = shown_studies(home, choices.study), f"http://{reached_at(choices.host)}:{choices.port}"
        with serving(home, choices.port, host=choices.host) as process:
            home.keep_ui_address(server)
            _print(home, studies, server, console)
            if line := tunnel(choices.port):
                say(console, f"On your own machine, first: {line}")
            elif choices.browser and console.is_terminal and studies:
                webbrowser.open(studies[-1].address(server))
            console.print("Ctrl-C stops.", style="dim")
            process.wait()
            raise MamlabError(f"the MLflow server ended by itself; {(home.stores or home.root) / 'ui.log'} says why")
    console.print("Stopped.", style="dim")


def _print(home: Home, studies: Sequence[ShownStudy], server: str, console: Console) -> None:
    for line in address_lines(home, studies, server):
        say(console, line)
