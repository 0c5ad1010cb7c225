"""Where everything that a study writes lies on disk: `runs/`, or the folder that `$MAMLAB_HOME` names."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from trainers.errors import InputError
from trainers.paths import expanded

from .urls import store_addresses


def default_root() -> Path:
    """Return `$MAMLAB_HOME`, or `runs` in the current folder."""
    return Path(os.environ.get("MAMLAB_HOME") or "runs")


@dataclass(frozen=True)
class Home:
    """The folder of all outputs; `root` is made absolute. Nothing is created until it is needed.

    Attributes:
        stores: a folder with copies of the SQLite stores that are read instead of the home's own
            (`study.stores.reading`).
        given: addresses of "optuna" and "mlflow" that come before the environment's and those in `stores.toml`.

    Raises ValueError for a path with ?, # or %, or of a user who is not there.
    """

    root: Path = field(default_factory=default_root)
    stores: Path | None = None
    given: Mapping[str, str | None] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        root = expanded(Path(self.root)).absolute()
        if bad := next((character for character in str(root) if character in "?#%"), None):
            raise InputError(
                f"the home {root} has {bad!r} in its path, which the addresses of its SQLite stores cannot hold; "
                "name another folder with --home or MAMLAB_HOME"
            )
        object.__setattr__(self, "root", root)

    def command(self, *words: str) -> str:
        """Return a `mamlab` command on this home to type into a shell."""
        here = self.root == Path(default_root()).absolute()
        return shlex.join(["mamlab", *words, *([] if here else ["--home", str(self.root)])])

    @property
    def optuna_db(self) -> Path:
        """Optuna's SQLite file."""
        return (self.stores or self.root) / "optuna.db"

    @property
    def mlflow_db(self) -> Path:
        """MLflow's SQLite file (a file of its own: Optuna refuses a shared one)."""
        return (self.stores or self.root) / "mlflow.db"

    @property
    def optuna_url(self) -> str:
        """Optuna's storage, as SQLAlchemy wants it; it may hold a password. Raises ValueError."""
        return self._stores["optuna"]

    @property
    def mlflow_url(self) -> str:
        """MLflow's tracking URI; it may hold a password. Raises ValueError."""
        return self._stores["mlflow"]

    @cached_property
    def _stores(self) -> dict[str, str]:
        found = store_addresses(self.root, self.given)
        own = {"optuna": self.optuna_db, "mlflow": self.mlflow_db}
        return {store: f"sqlite:///{own[store]}" if url.startswith("sqlite") else url for store, url in found.items()}

    @property
    def artifacts(self) -> Path:
        """Artifacts of all MLflow runs, a folder for each study."""
        return self.root / "artifacts"

    @property
    def checkpoints(self) -> Path:
        """Checkpoints, a folder for each training; shared by all studies."""
        return self.root / "checkpoints"

    @property
    def reports(self) -> Path:
        """Reports, a folder for each study."""
        return self.root / "reports"

    @property
    def data(self) -> Path:
        """Downloaded and generated data sets."""
        return self.root / "data"

    @property
    def logs(self) -> Path:
        """What workers print, a folder for each study."""
        return self.root / "logs"

    @property
    def journal(self) -> Path:
        """What could not be written into a store that was away, a file for each study."""
        return self.root / "journal"

    @property
    def looks(self) -> Path:
        """Looks that were taken at ablations, a file for each study."""
        return self.root / "looks"

    @property
    def locks(self) -> Path:
        """Lock files of drivers and of the stores' creation."""
        return self.root / "locks"

    def has_checkpoint(self, fingerprint: str) -> bool:
        """Whether the final checkpoint of `fingerprint` is there; its folder is listed, which a network file system
        answers anew.
        """
        try:
            return any(file.name == "final.ckpt" for file in (self.checkpoints / fingerprint).iterdir())
        except FileNotFoundError:
            return False
