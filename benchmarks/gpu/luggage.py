"""What travels to a machine with a GPU: `python -m benchmarks.gpu.luggage [FOLDER]` gathers it.

Recorded numbers and Omniglot's zip files come from the folder that MAMLAB_TEST_DATA names, the paper's code from the
one that MAML_REFERENCE names; wheels are for a Python that may have neither a network nor our packages. What an earlier
call has brought stays.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import requires, version
from pathlib import Path

from packaging.requirements import Requirement

from ..reference import VARIABLE
from .packages import FOLDER

LIMIT = 52 * 2**20
"""Bytes that may travel."""
LEFT_OUT = (
    "torch", "torchvision", "triton", "numpy", "scipy", "pandas", "pyarrow", "scikit-learn", "matplotlib", "fonttools",
    "grpcio", "statsmodels", "pillow",
)  # fmt: skip
"""Packages that are too large to travel. Where one is missing, the stages that need it are left out."""
PAGES = "mlflow/server/js/"
"""Of MLflow's wheel, what only a browser needs."""


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
    wanted = [f"{name}=={version(name)}" for name in sorted(needed("mamlab") | needed("pytest")) if name != "mamlab"]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += ["--python-version", python, "--platform", "manylinux_2_28_x86_64", "--platform", "manylinux2014_x86_64"]
    done = subprocess.run([*command, "--dest", str(to), *wanted], capture_output=True, text=True, check=False)
    for wheel in to.glob("mlflow-*.whl"):
        _without_pages(wheel)
    if done.returncode:
        print(f"{to}: no wheels ({(done.stderr.strip().splitlines() or ['pip said nothing'])[-1]})")


def _without_pages(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        kept = {name: archive.read(name) for name in archive.namelist() if not name.startswith(PAGES)}
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in kept.items():
            archive.writestr(name, content)


def needed(package: str) -> set[str]:
    """Return the package and all that it requires in turn, in the environment of this process, without `LEFT_OUT`."""
    found, todo = set[str](), [package]
    while todo:
        name = re.sub(r"[-_.]+", "-", todo.pop()).lower()
        if name in found or name in LEFT_OUT or name.startswith("nvidia-"):
            continue
        found.add(name)
        required = map(Requirement, requires(name) or [])
        todo += [one.name for one in required if one.marker is None or one.marker.evaluate({"extra": ""})]
    return found


if __name__ == "__main__":
    main()
