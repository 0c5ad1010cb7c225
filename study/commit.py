"""The git commit of this code, never that of another repository around an installed copy. Fast to import."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path

BUILT = "commit.txt"
"""File beside this one in a wheel: the commit that it was built from."""


def source_commit(package: Path = Path(__file__).parent) -> str | None:
    """Return the commit of the checkout that contains `package`, else the build's commit, else None."""
    with suppress(OSError):
        return checkout_commit(package.parent) or (package / BUILT).read_text().strip() or None
    return None


def checkout_commit(root: Path) -> str | None:
    """Return the commit of the git checkout of mamlab at `root`; None if there is none, or it is another project's."""
    ours = root / "pyproject.toml"
    if not ours.is_file() or 'name = "mamlab"' not in ours.read_text(encoding="utf-8", errors="replace"):
        return None
    if _git(root, "ls-files", "--error-unmatch", "pyproject.toml", "study/commit.py") is None:
        return None  # a copy in the folder of another repository
    return _git(root, "rev-parse", "HEAD")


def _git(root: Path, *arguments: str) -> str | None:
    # In a git hook, GIT_DIR and similar variables name the repository of the commit.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    with suppress(OSError):
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], env=clean, capture_output=True, text=True, check=False
        )
        return done.stdout.strip() if done.returncode == 0 else None
    return None
