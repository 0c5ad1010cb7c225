"""Errors about unknown studies and missing stores."""

from __future__ import annotations

from trainers.errors import InputError

from .home import Home


class UnknownStudyError(InputError):
    """A study or store that does not exist, or a port that is taken; the message says what to do."""


def require_store(home: Home) -> None:
    """Raise UnknownStudyError if `home` has no studies yet."""
    if home.mlflow_url.startswith("sqlite") and not home.mlflow_db.exists():
        if home.optuna_db.exists():
            raise UnknownStudyError(
                f"{home.mlflow_db} is missing, but Optuna's store exists: restore it, or start the study again, which"
                " recovers ended runs from the checkpoints"
            )
        raise UnknownStudyError(
            f"there are no runs yet in {home.root}; `mamlab demo` creates some, --home names another folder"
        )
