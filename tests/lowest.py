"""The lowest release that pyproject.toml allows of each package, as constraints of pip: `python -m tests.lowest`."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

LOWEST = re.compile(r"([A-Za-z0-9_.-]+)>=([0-9.]+),<[0-9.]+")
TOOLS = {"ruff", "mypy", "pandas-stubs", "hatchling"}
"""Needed to check and to build, not to run."""


def lowest() -> list[str]:
    """Return `name==release` for each package. Raises ValueError where one names no lowest release or no next major."""
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    found = []
    for wanted in [
        *project["dependencies"],
        *(one for group in project["optional-dependencies"].values() for one in group),
    ]:
        if wanted.startswith(f"{project['name']}["):
            continue
        if not (match := LOWEST.fullmatch(wanted)):
            raise ValueError(f'pyproject.toml: "{wanted}" must be "NAME>=LOWEST,<NEXT_MAJOR"')
        if match[1] not in TOOLS:
            found.append(f"{match[1]}=={match[2]}")
    return found


if __name__ == "__main__":
    print("\n".join(lowest()))
