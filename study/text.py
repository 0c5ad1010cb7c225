"""How numbers, states and settings are written for people: one format each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console

from reports import records
from reports.statistics.estimate import Estimate
from reports.tables.cells import interval
from reports.tables.cells import percent as share

COLOURS = {
    "complete": "green", "pruned": "bright_black", "diverged": "magenta", "out_of_memory": "red", "failed": "red",
    "interrupted": "yellow", "running": "cyan", "waiting": "default",
}  # fmt: skip


def percent(share: float | None, digits: int = 1) -> str:
    """Return an accuracy in [0, 1] as text: 0.7125 is "71.2 %", None is "-"."""
    return "-" if share is None else f"{100 * share:.{digits}f} %"


def duration(seconds: float | None) -> str:
    """Return a length of time for people: 42 s, 3 min 05 s, 2 h 10 min; None is "-"."""
    if seconds is None:
        return "-"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def states(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return the states that occur, in the order of a run's life, and how many runs are in each."""
    return [(state, counts[state]) for state in records.STATES if counts.get(state)]


def ended(counts: Mapping[str, int]) -> int:
    """Return how many runs have come to an end that is not an interruption."""
    return sum(counts.get(state, 0) for state in records.ENDED)


def short(value: Any) -> str:
    """Return a setting's value for a table: floats with four digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def short_label(label: str, kind: str) -> str:
    """Return a trial's label without its settings, where these are shown beside it; other labels as they are."""
    return label.partition(" ")[0] if kind == "search" else label


def accuracy(found: Estimate) -> str:
    """Return "71.25 %" for a single run, "71.25 % [70.10, 72.40], n = 3" for a mean."""
    return f"{share(found.mean)} %" + (f" {interval(found)}, n = {found.n}" if found.n > 1 else "")


def searched_settings(searched: Sequence[str], params: Mapping[str, str]) -> dict[str, str]:
    """Return what a run had of the searched settings; one that was not active is absent."""
    return {name: params[name] for name in sorted(searched) if name in params}


def print_notes(console: Console, notes: Iterable[str]) -> None:
    """Print a line for each note."""
    for note in notes:
        console.print(f"note: {note}", markup=False, highlight=False, soft_wrap=True)
