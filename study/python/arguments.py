"""Checks of the arguments of the Python interface: a wrong one is an InputError that names it."""

from __future__ import annotations

from pathlib import Path

from trainers.error_messages import show
from trainers.errors import InputError

from ..stores.home import Home, default_root


def path_of(name: str, given: object, what: str = "a folder") -> Path:
    """Return the path that the argument `name` gives. Raises InputError for what is neither a text nor a Path."""
    if isinstance(given, str | Path):
        return Path(given)
    raise InputError(f"{name}: must be {what}, as a text or a Path, not {show(given)}")


def refuse_no_text(what: str, **given: object) -> None:
    """Raise InputError for an argument that is neither a text nor None; `what` says what it must be."""
    for name, value in given.items():
        if value is not None and not isinstance(value, str):
            raise InputError(f"{name}: must be {what}, not {show(value)}; leave it out for the default")


def make_home(root: Path | str | None, optuna_url: str | None = None, mlflow_url: str | None = None) -> Home:
    """Return the home at `root`, None for the default one. Raises InputError for a file, or what is no path or URL."""
    refuse_no_text('a URL, such as "postgresql://USER@HOST/DATABASE"', optuna_url=optuna_url, mlflow_url=mlflow_url)
    place = default_root() if root is None else path_of("home", root)
    home = Home(place, given={"optuna": optuna_url, "mlflow": mlflow_url})
    if home.root.exists() and not home.root.is_dir():
        raise InputError(f"home: {home.root} is a file, not a folder")
    return home
