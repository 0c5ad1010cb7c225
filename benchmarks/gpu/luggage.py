"""What travels to a machine with a GPU: `python -m benchmarks.gpu.luggage [FOLDER]` gathers it.

Recorded numbers and Omniglot's zip files come from the folder that MAMLAB_TEST_DATA names, the paper's code from the
one that MAML_REFERENCE names; wheels are for a Python that may have neither a network nor our packages. What an earlier
call has brought stays.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

from ..reference import VARIABLE
from .packages import FOLDER

LIMIT = 60 * 2**20
"""Bytes that may travel."""
PACKAGES = (
    "pydantic", "pydantic-core", "annotated-types", "typing-extensions", "typing-inspection", "safetensors", "pillow",
    "pytest", "pluggy", "iniconfig", "packaging", "pygments", "optuna", "colorlog",
)  # fmt: skip
"""In the releases that are installed here, without what they need in turn; what is large (SciPy, pandas, MLflow's own)
stays at home, and so does the stage that needs it.
"""


def main() -> None:
    """Gather, and say what is missing and how large it is."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu.luggage")
    parser.add_argument("folder", nargs="?", type=Path, default=FOLDER)
    parser.add_argument("--python", default="3.12", help="of the other machine; default: %(default)s")
    parser.add_argument("--no-wheels", action="store_true", help="the other machine has all packages")
    given = parser.parse_args()
    data = os.environ.get("MAMLAB_TEST_DATA")
    _take(Path(data) / "golden" if data else None, given.folder / "golden", "*", "MAMLAB_TEST_DATA")
    _take(
        Path(data) / "data" / "omniglot-py" if data else None, given.folder / "omniglot-py", "*.zip", "MAMLAB_TEST_DATA"
    )
    named = os.environ.get(VARIABLE)
    _take(Path(named) if named else None, given.folder / "paper", "**/*.py", VARIABLE)
    if not given.no_wheels:
        _wheels(given.folder / "wheels", given.python)
    size = sum(file.stat().st_size for file in given.folder.rglob("*") if file.is_file())
    print(f"{given.folder}: {size / 2**20:.1f} MiB")
    if size > LIMIT:
        sys.exit(
            f"{given.folder} is larger than {LIMIT / 2**20:.0f} MiB, which may not travel; remove what is not needed"
        )


def _take(source: Path | None, to: Path, pattern: str, variable: str) -> None:
    if source is None or not source.is_dir():
        print(f"{to}: not taken; {variable} names no folder with it")
        return
    for file in source.glob(pattern):
        if file.is_file():
            place = to / file.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, place)


def _wheels(to: Path, python: str) -> None:
    """Download wheels for Linux on x86-64, where they are not there yet."""
    from importlib.metadata import version

    wanted = [f"{name}=={version(name)}" for name in PACKAGES]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += ["--python-version", python, "--platform", "manylinux_2_28_x86_64", "--platform", "manylinux2014_x86_64"]
    done = subprocess.run([*command, "--dest", str(to), *wanted], capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{to}: no wheels ({(done.stderr.strip().splitlines() or ['pip said nothing'])[-1]})")


if __name__ == "__main__":
    main()
