"""Which studies a home has: what is said where one is asked for that is not there."""

from __future__ import annotations

from trainers.errors import InputError

from .home import Home


class UnknownStudyError(InputError):
    """A study, a store or a port that is not there; the text says what to do."""


def require_store(home: Home) -> None:
    """Raise UnknownStudyError if no study was written to `home` yet."""
    if home.mlflow_url.startswith("sqlite") and not home.mlflow_db.exists():
        if home.optuna_db.exists():
            raise UnknownStudyError(
                f"{home.mlflow_db} is not there, but Optuna's store is: put it back, or start the study again, which"
                " takes what has ended from the checkpoints"
            )
        raise UnknownStudyError(
            f"there are no runs yet in {home.root}; `mamlab demo` makes some, --home names another folder"
        )
