"""The home: the folder that holds everything a study writes (`runs/`, or `$MAMLAB_HOME`)."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from trainers.errors import InputError
from trainers.paths import expanded

from .urls import store_addresses

UI_ADDRESS = "http://127.0.0.1:5000"
"""Where `mamlab ui` serves, unless it is told otherwise."""
UI_FILE = "ui_address"
"""In a home: where it served last."""


def default_root() -> Path:
    """Return `$MAMLAB_HOME`, or `runs` in the current folder."""
    return Path(os.environ.get("MAMLAB_HOME") or "runs")


@dataclass(frozen=True)
class Home:
    """Paths in the output folder; `root` is made absolute. Nothing is created until it is needed.

    Attributes:
        stores: folder with copies of the SQLite stores to read instead of the home's own (`study.stores.read_only`).
        given: URLs of "optuna" and "mlflow" that override the environment and `stores.toml`.

    Raises ValueError for a path with ?, # or %, or one that starts with an unknown ~user.
    """

    root: Path = field(default_factory=default_root)
    stores: Path | None = None
    given: Mapping[str, str | None] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        root = expanded(Path(self.root)).absolute()
        if bad := next((character for character in str(root) if character in "?#%"), None):
            raise InputError(
                f"the home {root} has {bad!r} in its path, which is not allowed in the URLs of its SQLite stores; "
                "name another folder with --home or MAMLAB_HOME"
            )
        object.__setattr__(self, "root", root)

    def command(self, *words: str) -> str:
        """Return a `mamlab` shell command for this home."""
        here = self.root == Path(default_root()).absolute()
        return shlex.join(["mamlab", *words, *([] if here else ["--home", str(self.root)])])

    @property
    def optuna_db(self) -> Path:
        """Optuna's SQLite file."""
        return (self.stores or self.root) / "optuna.db"

    @property
    def mlflow_db(self) -> Path:
        """MLflow's SQLite file (separate, because Optuna rejects a shared one)."""
        return (self.stores or self.root) / "mlflow.db"

    @property
    def optuna_url(self) -> str:
        """SQLAlchemy URL of Optuna's storage; may contain a password. Raises ValueError."""
        return self._stores["optuna"]

    @property
    def mlflow_url(self) -> str:
        """MLflow's tracking URI; may contain a password. Raises ValueError."""
        return self._stores["mlflow"]

    @cached_property
    def _stores(self) -> dict[str, str]:
        found = store_addresses(self.root, self.given)
        own = {"optuna": self.optuna_db, "mlflow": self.mlflow_db}
        return {store: f"sqlite:///{own[store]}" if url.startswith("sqlite") else url for store, url in found.items()}

    @property
    def artifacts(self) -> Path:
        """Artifacts of all MLflow runs, one folder per study."""
        return self.root / "artifacts"

    @property
    def checkpoints(self) -> Path:
        """Checkpoints, one folder per training; shared by all studies."""
        return self.root / "checkpoints"

    @property
    def reports(self) -> Path:
        """Reports, one folder per study."""
        return self.root / "reports"

    @property
    def data(self) -> Path:
        """Downloaded and generated data sets."""
        return self.root / "data"

    @property
    def logs(self) -> Path:
        """Output of the workers, one folder per study."""
        return self.root / "logs"

    @property
    def journal(self) -> Path:
        """Events not yet written because a store was unreachable, one file per study."""
        return self.root / "journal"

    @property
    def looks(self) -> Path:
        """Interim looks at ablations, one file per study."""
        return self.root / "looks"

    @property
    def locks(self) -> Path:
        """Lock files of the drivers and of store creation."""
        return self.root / "locks"

    @property
    def ui_address(self) -> str:
        """Where `mamlab ui` served last, for the links of reports."""
        with suppress(OSError, ValueError):
            if (there := (self.root / UI_FILE).read_text(encoding="utf-8").strip()).startswith("http"):
                return there
        return UI_ADDRESS

    def keep_ui_address(self, address: str) -> None:
        """Keep where `mamlab ui` serves, if it is not what everybody takes it to be and the home can be written."""
        if self.stores is None and address != self.ui_address:
            with suppress(OSError):
                (self.root / UI_FILE).write_text(f"{address}\n", encoding="utf-8")

    def has_checkpoint(self, fingerprint: str) -> bool:
        """Whether the final checkpoint of `fingerprint` exists; lists the folder, to bypass a network file system's
        cache.
        """
        try:
            return any(file.name == "final.ckpt" for file in (self.checkpoints / fingerprint).iterdir())
        except FileNotFoundError:
            return False
