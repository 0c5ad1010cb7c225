"""A disagreement between the stored parts of a study, and its fix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

RESTART = "start the study again"
AGAIN = "marked to run again: the next start restores or retrains it"


@dataclass(frozen=True)
class Disagreement:
    """`what` disagrees, and the `remedy`: what --fix does, or without a `fix`, what the user can do."""

    what: str
    remedy: str
    fix: Callable[[], None] | None = field(default=None, compare=False)
