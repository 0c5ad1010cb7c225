"""The machine and versions that a benchmark ran on."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from trainers.memory import physical_memory

PACKAGES = ("torch", "numpy", "optuna", "mlflow")


def header() -> dict[str, str]:
    """Return hardware, versions, commit and date as text."""
    packages = ", ".join(f"{package} {_version(package)}" for package in PACKAGES)
    return {
        "hardware": f"{_processor()}, {os.cpu_count()} cores, {_gibibytes():.0f} GiB",
        "versions": f"Python {platform.python_version()}, {packages}, {platform.system()} {platform.release()}",
        "commit": _commit(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def _processor() -> str:
    """Return the processor's name, as Linux reports it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((row.partition(":")[2].strip() for row in lines if row.startswith("model name")), platform.machine())


def _gibibytes() -> float:
    return physical_memory() / 2**30


def _commit() -> str:
    """Return the commit, followed by "+" if files differ from it."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty=+"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
