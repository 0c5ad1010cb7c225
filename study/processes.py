"""What mamlab's own process and those that it starts have around them: encoding, proxies, folders of imports."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TextIO

LOOPBACK = ("localhost", "127.0.0.1", "::1")
_OF_A_SERVER = ("MLFLOW_", "_MLFLOW_", "GUNICORN_", "UVICORN_", "WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS")
"""How the variables begin that MLflow's server, and what it runs in, take for options."""


def child_environment(**extra: str) -> dict[str, str]:
    """Return the environment of a process that mamlab starts: it writes UTF-8, and imports nothing from the folder it
    starts in.
    """
    ours = {"PYTHONUTF8": "1", "PYTHONIOENCODING": "utf-8:replace", "PYTHONSAFEPATH": "1"}
    return {**os.environ, **ours, **extra}


def server_environment(**extra: str) -> dict[str, str]:
    """Return `child_environment` for an MLflow server, without what a user has set for servers of their own."""
    own = {name: value for name, value in child_environment().items() if not name.startswith(_OF_A_SERVER)}
    return own | extra


def reach_loopback_directly() -> None:
    """Let nothing that this process and its children send to this machine go through a proxy (HTTP_PROXY and its
    like).
    """
    for name in ("no_proxy", "NO_PROXY"):
        given = [host.strip() for host in os.environ.get(name, "").split(",") if host.strip()]
        if "*" not in given:
            os.environ[name] = ",".join([*given, *(host for host in LOOPBACK if host not in given)])


def write_any_text(streams: Iterable[TextIO] | None = None) -> None:
    """Let standard output and error write a replacement for what their encoding does not have, instead of failing."""
    for stream in (sys.stdout, sys.stderr) if streams is None else streams:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
