"""A disagreement between what is stored of a study in different places, and its cure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

RESTART = "start the study again"
AGAIN = "to run again: the next start restores it or retrains it"


@dataclass(frozen=True)
class Disagreement:
    """`what` disagrees, and what --fix does; without a `cure`, `remedy` says what does mend it."""

    what: str
    remedy: str
    cure: Callable[[], None] | None = field(default=None, compare=False)
