"""Environment of mamlab's process and its children: encoding, proxies, import folders."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TextIO

LOOPBACK = ("localhost", "127.0.0.1", "::1")
_OF_A_SERVER = ("MLFLOW_", "_MLFLOW_", "GUNICORN_", "UVICORN_", "WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS")
"""Prefixes of environment variables that MLflow's server and its web server read as options."""


def child_environment(**extra: str) -> dict[str, str]:
    """Return the environment of a child process: it writes UTF-8 and does not import from its working folder."""
    ours = {"PYTHONUTF8": "1", "PYTHONIOENCODING": "utf-8:replace", "PYTHONSAFEPATH": "1"}
    return {**os.environ, **ours, **extra}


def server_environment(**extra: str) -> dict[str, str]:
    """Return `child_environment` for an MLflow server, without the user's settings for other servers."""
    own = {name: value for name, value in child_environment().items() if not name.startswith(_OF_A_SERVER)}
    return own | extra


def reach_loopback_directly() -> None:
    """Exclude loopback addresses from proxies (HTTP_PROXY and similar) in this process and its children."""
    for name in ("no_proxy", "NO_PROXY"):
        given = [host.strip() for host in os.environ.get(name, "").split(",") if host.strip()]
        if "*" not in given:
            os.environ[name] = ",".join([*given, *(host for host in LOOPBACK if host not in given)])


def write_any_text(streams: Iterable[TextIO] | None = None) -> None:
    """Make standard output and error replace characters that their encoding lacks, instead of failing."""
    for stream in (sys.stdout, sys.stderr) if streams is None else streams:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
