"""What the stores can keep of a study's names, asked before anything is written: PostgreSQL refuses what is longer than
its columns.
"""

from __future__ import annotations

from collections.abc import Iterator

from trainers.errors import InputError

from ..stores.home import Home
from .config import StudyConfig

RUN_NAME = 250
"""Characters of a run's name in MLflow's tables; SQLite does not count them."""
ARTIFACTS = 157
"""Characters of a study's artifact location: a run's has 43 more, and 200 in MLflow's tables; SQLite does not count
them.
"""
TEXT = 8000
"""Characters of a tag, which also holds the name of the arm and of the run."""


def refuse_too_long(config: StudyConfig, home: Home) -> None:
    """Raise ValueError, a line for each name of the study that its stores cannot keep whole."""
    if problems := [*_long_names(config, home), *_long_location(config, home)]:
        raise InputError("\n".join(problems))


def _long_names(config: StudyConfig, home: Home) -> Iterator[str]:
    sqlite = home.mlflow_url.startswith("sqlite")
    room = (TEXT if sqlite else RUN_NAME) - max(len(name) for name in _around(config))
    for arm in config.arms:
        if len(arm) > room:
            yield (
                f'study "{config.study.name}": the name of arm "{arm[:40]} ..." has {len(arm)} characters, and the'
                f" names of its runs in MLflow have room for {room}; give the arm a shorter name"
            )


def _around(config: StudyConfig) -> tuple[str, ...]:
    """Return what is added to an arm's name for the names of its runs."""
    return f" / seed {max(config.seeds)}", " (mean over seeds)"


def _long_location(config: StudyConfig, home: Home) -> Iterator[str]:
    place = (home.artifacts / config.study.name).as_uri()
    if home.mlflow_url.startswith("postgresql") and len(place) > ARTIFACTS:
        yield (
            f'study "{config.study.name}": its artifacts would lie at {place}, which has {len(place)} characters, and'
            f" MLflow has room for {ARTIFACTS} on PostgreSQL; choose a home with a shorter path (--home or MAMLAB_HOME)"
        )
