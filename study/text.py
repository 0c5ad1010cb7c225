"""Text formats of states, settings and notes; numbers are in `reports.text`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import takewhile
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from reports import records

GOOD, RUNS, WARNS, BAD = "#008700", "#5f87af", "#af5f00", "#d70000"
"""Colours that are readable on white and on black (contrast of at least 3.5)."""
COLOURS = {
    "complete": GOOD, "pruned": "#767676", "diverged": "#af5faf", "out_of_memory": BAD, "failed": BAD,
    "interrupted": WARNS, "running": RUNS, "waiting": "default",
}  # fmt: skip

COPIED = ("/", "\\", "mamlab ", "--")
"""What is in commands, paths and addresses."""


def states(counts: Mapping[str, int]) -> list[Text]:
    """Return "2 out of memory" for each state that occurs, coloured, in the order of a run's life."""
    occur = (state for state in records.STATES if counts.get(state))
    return [Text(f"{counts[state]} {words(state)}", style=COLOURS[state]) for state in occur]


def words(state: str) -> str:
    """Return a state as it is read: "out of memory"."""
    return state.replace("_", " ")


def ended(counts: Mapping[str, int]) -> int:
    """Return how many runs have ended, without interrupted ones."""
    return sum(counts.get(state, 0) for state in records.ENDED)


def reused_text(count: int) -> str:
    """Return "(3 reused)" for runs with the results of an earlier training; empty if there are none."""
    return f"({count} reused)" if count else ""


def short(value: Any) -> str:
    """Return a setting's value for a table: floats with four digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def short_label(label: str, kind: str) -> str:
    """Return a trial's label without its settings, which are shown beside it ("trial-001 portfolio 2"); other labels
    unchanged.
    """
    words = takewhile(lambda word: "=" not in word and word != "..", label.split(" "))
    return " ".join(words) if kind == "search" else label


def searched_settings(searched: Sequence[str], params: Mapping[str, str]) -> dict[str, str]:
    """Return a run's searched settings; inactive ones are absent."""
    return {name: params[name] for name in sorted(searched) if name in params}


def say(console: Console, text: object, style: str | None = None) -> None:
    """Print a text as it is: nothing in it is markup. On a terminal prose is broken between words; what may be copied
    is left to the terminal, which joins its lines again.
    """
    whole = not console.is_terminal or any(mark in str(text) for mark in COPIED)
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=whole)


def print_notes(console: Console, notes: Iterable[str]) -> None:
    """Print one line per note."""
    for note in notes:
        say(console, f"note: {note}")


def plain_table(*columns: str, numbers: Collection[str] = ()) -> Table:
    """Return a table without borders: text left-aligned and folded, `numbers` right-aligned."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for title in columns:
        table.add_column(title, overflow="fold", justify="right" if title in numbers else "left")
    return table


def size_text(size: int) -> str:
    """Return "812 kB", "3.4 MB" or "1.2 GB"."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6)):
        if size >= scale:
            return f"{size / scale:.1f} {unit}"
    return f"{size / 1e3:.0f} kB"
