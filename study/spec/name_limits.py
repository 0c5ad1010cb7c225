"""Length limits of names in the stores, checked before anything is written: PostgreSQL rejects longer values."""

from __future__ import annotations

from collections.abc import Iterator

from trainers.errors import InputError

from ..stores.home import Home
from .config import StudyConfig

RUN_NAME = 250
"""Maximum length of a run name in MLflow's tables; SQLite does not enforce it."""
ARTIFACTS = 157
"""Maximum length of a study's artifact location (a run's adds 43; MLflow's limit is 200); not enforced by SQLite."""
TEXT = 8000
"""Maximum length of a tag, which also holds the names of arm and run."""


def refuse_too_long(config: StudyConfig, home: Home) -> None:
    """Raise ValueError with one line for each name that is too long for the stores."""
    if problems := [*_long_names(config, home), *_long_location(config, home)]:
        raise InputError("\n".join(problems))


def _long_names(config: StudyConfig, home: Home) -> Iterator[str]:
    sqlite = home.mlflow_url.startswith("sqlite")
    room = (TEXT if sqlite else RUN_NAME) - max(len(name) for name in _around(config))
    for arm in config.arms:
        if len(arm) > room:
            yield (
                f'study "{config.study.name}": the name of arm "{arm[:40]} ..." has {len(arm)} characters, but MLflow'
                f" run names allow only {room}; give the arm a shorter name"
            )


def _around(config: StudyConfig) -> tuple[str, ...]:
    """Return the suffixes that run names add to an arm's name."""
    return f" / seed {max(config.seeds)}", " (mean over seeds)"


def _long_location(config: StudyConfig, home: Home) -> Iterator[str]:
    place = (home.artifacts / config.study.name).as_uri()
    if home.mlflow_url.startswith("postgresql") and len(place) > ARTIFACTS:
        yield (
            f'study "{config.study.name}": its artifact location {place} has {len(place)} characters, but MLflow allows'
            f" only {ARTIFACTS} on PostgreSQL; choose a home with a shorter path (--home or MAMLAB_HOME)"
        )
