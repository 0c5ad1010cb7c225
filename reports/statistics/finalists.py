"""Finalists: the best few trials of a search, ranked by what they reach on tasks that nothing was selected by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def by_held_out(few: Sequence[T], held_out: Callable[[T], float | None], sign: int = 1) -> list[T]:
    """Return the best `few` trials, best held-out score first; empty if one of them has none. `sign` is the metric's.

    Of equals, the one that came first in `few` stays first.
    """
    scores = [held_out(trial) for trial in few]
    known = [score for score in scores if score is not None]
    if len(known) < len(few):
        return []
    return [trial for _, trial in sorted(zip(known, few, strict=True), key=lambda pair: -sign * pair[0])]
