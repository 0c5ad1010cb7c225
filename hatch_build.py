"""What a build adds: the commit that it is of (study/commit.txt), and a README without links that lead nowhere."""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

PICTURE = re.compile(r"!\[[^]]*\]\((?!https?:)[^)]*\)\n*")
LINK = re.compile(r"\[([^]]*)\]\((?!https?:)[^)]*\)")


class CommitHook(BuildHookInterface[Any]):
    """Adds study/commit.txt to what is built in a git checkout: an installed copy has no repository to ask."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the file, unless the build is an editable install, which has its checkout."""
        sys.path.insert(0, self.root)
        from study.commit import BUILT, checkout_commit

        sys.path.remove(self.root)
        commit = checkout_commit(Path(self.root))
        if commit and version != "editable":
            self._folder = tempfile.TemporaryDirectory()
            file = Path(self._folder.name) / BUILT
            file.write_text(commit + "\n")
            build_data["force_include"][str(file)] = f"study/{BUILT}"


class ReadmeHook(MetadataHookInterface):
    """Makes the README of the metadata: a package index shows it alone, and there links to other files are dead."""

    PLUGIN_NAME = "custom"

    def update(self, metadata: dict[str, Any]) -> None:
        """Set `readme`: links to files of the checkout become their text, and pictures of it are left out."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": LINK.sub(r"\1", PICTURE.sub("", text)),
        }
