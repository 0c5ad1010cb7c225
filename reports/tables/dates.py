"""When runs were trained, in UTC: a report must be the same wherever it is made."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypeGuard

from ..records import RunRecord

LATEST = datetime(9999, 1, 1, tzinfo=UTC).timestamp()


def days(records: Sequence[RunRecord]) -> str:
    """Return the first and the last day of these runs: "2026-11-24", "2026-11-24 to 2026-11-26"; empty if unknown."""
    return " to ".join(dict.fromkeys(f"{when:%Y-%m-%d}" for when in _ends(records)))


def period(records: Sequence[RunRecord]) -> str:
    """Return their first start and last end: "2026-11-24 11:23 to 16:54 UTC"; empty if unknown."""
    ends = _ends(records)
    if not ends:
        return ""
    first, last = ends
    same_day = first.date() == last.date()
    return f"{first:%Y-%m-%d %H:%M} to {last:{'%H:%M' if same_day else '%Y-%m-%d %H:%M'}} UTC"


def _ends(records: Sequence[RunRecord]) -> tuple[datetime, ...]:
    times = [when for record in records for when in (record.started_at, record.ended_at) if _known(when)]
    return tuple(datetime.fromtimestamp(when, UTC) for when in (min(times), max(times))) if times else ()


def _known(when: float | None) -> TypeGuard[float]:
    """Whether this is a time, and not what somebody else's table has there."""
    return when is not None and 0 < when < LATEST
