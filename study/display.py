"""What a running study looks like: a live table in a terminal, plain lines anywhere else, nothing if quiet.

The driver hands a `Snapshot` to a view whenever something happened; a view only reads it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from reports.text import accuracy, duration

from .engine.progress import RunningRow, Snapshot
from .text import COLOURS, ended, plain_table, print_notes, say, short, short_label, states

View = Callable[[Snapshot], None]

PROGRESS_SECONDS = 30.0
ESTIMATE_AFTER = 3.0
"""A time left is shown only from this many seconds on: earlier it says nothing."""


@contextmanager
def open_view(console: Console, quiet: bool = False) -> Iterator[View]:
    """Give the view that fits `console`: live if it is a terminal, else lines; `quiet` shows nothing."""
    if quiet:
        yield lambda snapshot: None
    elif console.is_terminal:
        with LiveView(console) as view:
            yield view
    else:
        yield PlainView(console)


class PlainView:
    """One line for each run that ends, and one on the whole every `every` seconds."""

    def __init__(self, console: Console, every: float = PROGRESS_SECONDS, clock: Callable[[], float] = time.monotonic):
        self._console, self._every, self._clock = console, every, clock
        self._told_messages: tuple[str, ...] = ()
        self._told_away = False
        self._told = clock()

    def __call__(self, snapshot: Snapshot) -> None:
        """Print what is new in `snapshot`."""
        print_notes(self._console, snapshot.data_notes)
        for line in new_lines(snapshot, self._told_messages):
            self._print(line)
        self._told_messages = snapshot.messages
        if snapshot.away and not self._told_away:
            self._print(snapshot.away)
        self._told_away = bool(snapshot.away)
        done = snapshot.finished or snapshot.interrupted
        if done or self._clock() - self._told >= self._every:
            self._print(progress_line(snapshot))
            self._told = self._clock()

    def _print(self, line: str) -> None:
        say(self._console, line)


def new_lines(snapshot: Snapshot, told: tuple[str, ...] = ()) -> list[str]:
    """Return a line for each run that has just ended, and the notices that were not `told` before."""
    count = f"{ended(snapshot.counts)}/{snapshot.planned}" if snapshot.planned else str(ended(snapshot.counts))
    lines = [f"{_ended_line(row, state)} ({count})" for row, state in snapshot.just_ended]
    return lines + [message for message in snapshot.messages if message not in told]


def _ended_line(row: RunningRow, state: str) -> str:
    epochs = f"{row.epochs} epochs" if state == "complete" else f"epoch {row.epoch} of {row.epochs}"
    best = f", best validation accuracy {accuracy(row.best_val_accuracy)}" if row.epoch else ""
    return f"{row.label}: {state}, {epochs}{best}"


def progress_line(snapshot: Snapshot) -> str:
    """Return the whole study in one line."""
    head = (
        f"{snapshot.study}: {ended(snapshot.counts)}"
        + (f" of {snapshot.planned}" if snapshot.planned else "")
        + " runs"
    )
    parts = [", ".join(f"{n} {state}" for state, n in states(snapshot.counts)) or "starting"]
    if snapshot.best_value is not None:
        parts.append(f"best {accuracy(snapshot.best_value)} ({short_label(snapshot.best_label or '', snapshot.kind)})")
    parts.append(f"{duration(snapshot.elapsed)} elapsed")
    if snapshot.remaining and snapshot.elapsed >= ESTIMATE_AFTER:
        parts.append(f"about {duration(snapshot.remaining)} left")
    return f"{head} | " + " | ".join(parts)


class LiveView:
    """A table that is drawn again and again in its place, four times a second."""

    def __init__(self, console: Console):
        self._snapshot: Snapshot | None = None
        self._shown_at = time.monotonic()
        self._console = console
        self._live = Live(console=console, get_renderable=self._draw, refresh_per_second=4, transient=False)

    def __enter__(self) -> LiveView:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def __call__(self, snapshot: Snapshot) -> None:
        """Show `snapshot` from now on."""
        print_notes(self._console, snapshot.data_notes)
        self._snapshot, self._shown_at = snapshot, time.monotonic()

    def _draw(self) -> RenderableType:
        if self._snapshot is None:
            return Text("Starting the workers ...", style="dim")
        ended_already = self._snapshot.finished or self._snapshot.interrupted
        since = 0.0 if ended_already else time.monotonic() - self._shown_at
        return render(self._snapshot, self._console.width, since)


def render(snapshot: Snapshot, width: int, since: float = 0.0) -> RenderableType:
    """Return the live table for a terminal of `width` columns, `since` seconds after the snapshot was taken."""
    parts: list[RenderableType] = [_heading(snapshot, width)]
    if snapshot.running:
        parts.append(_running_table(snapshot.running, width, since))
    parts.append(_counts(snapshot.counts))
    if snapshot.best_value is not None:
        parts.append(_best(snapshot, width))
    parts.append(_times(snapshot, since))
    parts += [Text(f"! {message}", style="yellow") for message in snapshot.messages[-3:]]
    if snapshot.away:
        parts.append(Text(f"! {snapshot.away}", style="bold red"))
    return Group(*parts)


def _heading(snapshot: Snapshot, width: int) -> RenderableType:
    done = ended(snapshot.counts)
    row = Table.grid(padding=(0, 2))
    bar = ProgressBar(total=max(snapshot.planned, 1), completed=done, width=max(10, min(40, width // 3)))
    of = f"{done} of {snapshot.planned} runs" if snapshot.planned else f"{done} runs"
    row.add_row(Text(snapshot.study, style="bold"), snapshot.kind, bar if snapshot.planned else "", of)
    return row


def _running_table(rows: tuple[RunningRow, ...], width: int, since: float) -> Table:
    table = plain_table()
    table.add_column("run", no_wrap=True, max_width=max(16, width - 56))
    table.add_column("epoch", no_wrap=True)
    table.add_column("", no_wrap=True)
    for name in ("validation", "best", "time"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        bar = ProgressBar(total=max(row.epochs, 1), completed=row.epoch, width=max(8, min(24, width // 8)))
        cells = (accuracy(row.val_accuracy), accuracy(row.best_val_accuracy), duration(row.seconds + since))
        table.add_row(Text(row.label, style="cyan"), bar, f"{row.epoch}/{row.epochs}", *cells)
    return table


def _counts(counts: Mapping[str, int]) -> Text:
    return Text("   ").join(Text(f"{n} {state}", style=COLOURS[state]) for state, n in states(counts))


def _best(snapshot: Snapshot, width: int) -> Text:
    label = short_label(snapshot.best_label or "", snapshot.kind)
    text = Text.assemble("best so far  ", (accuracy(snapshot.best_value), "bold green"), f"  {label}")
    settings = "  ".join(f"{name}={short(value)}" for name, value in snapshot.best_params.items())
    if settings:
        text.append(f"  {settings}", style="dim")
    text.truncate(2 * width - 1, overflow="ellipsis")
    return text


def _times(snapshot: Snapshot, since: float) -> Text:
    elapsed = snapshot.elapsed + since
    left = snapshot.remaining
    known = left is not None and elapsed >= ESTIMATE_AFTER and not (snapshot.finished or snapshot.interrupted)
    text = f"elapsed {duration(elapsed)}"
    if known and left is not None:
        text += f"   left about {duration(max(left - since, 0))}"
    return Text(text, style="dim")
