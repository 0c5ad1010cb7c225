"""The progress display: a live table in a terminal, plain lines elsewhere, nothing if quiet.

The driver passes a `StudyProgress` to a view after every event; a view only reads it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from reports.metric import Metric
from reports.text import about, duration, measured

from .engine.progress import RunningRow, StudyProgress
from .text import (
    BAD,
    GOOD,
    RUNS,
    WARNS,
    ended,
    plain_table,
    print_notes,
    reused_text,
    say,
    short,
    short_label,
    states,
    words,
)

View = Callable[[StudyProgress], None]

PROGRESS_SECONDS = 30.0
WIDE = 100
"""Minimum terminal width for progress bars of running runs."""
ESTIMATE_AFTER = 3.0
"""The remaining time is shown only after this many seconds: earlier estimates are too rough."""


@contextmanager
def open_view(console: Console, quiet: bool = False) -> Iterator[View]:
    """Yield a view for `console`: a live table in a terminal, else lines; `quiet` shows nothing."""
    if quiet:
        yield lambda progress: None
    elif console.is_terminal:
        with LiveView(console) as view:
            yield view
    else:
        yield PlainView(console)


class PlainView:
    """Prints one line for each ended run, and a summary line every `every` seconds."""

    def __init__(self, console: Console, every: float = PROGRESS_SECONDS, clock: Callable[[], float] = time.monotonic):
        self._console, self._every, self._clock = console, every, clock
        self._shown_messages: tuple[str, ...] = ()
        self._shown_away = False
        self._shown_at = clock()

    def __call__(self, progress: StudyProgress) -> None:
        """Print what is new in `progress`."""
        print_notes(self._console, progress.start_notes)
        if progress.doing:
            self._print(f"{progress.doing} ...")
            return
        for line in new_lines(progress, self._shown_messages):
            self._print(line)
        self._shown_messages = progress.messages
        if progress.away and not self._shown_away:
            self._print(progress.away)
        self._shown_away = bool(progress.away)
        done = progress.finished or progress.interrupted
        if done or self._clock() - self._shown_at >= self._every:
            self._print(progress_line(progress))
            self._shown_at = self._clock()

    def _print(self, line: str) -> None:
        say(self._console, line)


def new_lines(progress: StudyProgress, shown: tuple[str, ...] = ()) -> list[str]:
    """Return one line for each run that has just ended, and the messages that were not `shown` before."""
    count = f"{ended(progress.counts)}/{progress.planned}" if progress.planned else str(ended(progress.counts))
    lines = [f"{_ended_line(row, state, progress.metric)} ({count})" for row, state in progress.just_ended]
    return lines + [message for message in progress.messages if message not in shown]


def _ended_line(row: RunningRow, state: str, metric: Metric) -> str:
    epochs = f"{row.epochs} epochs" if state == "complete" else f"epoch {row.epoch} of {row.epochs}"
    best = f", best validation {metric.words} {measured(row.best, metric)}" if row.epoch else ""
    reused = ", reused from an earlier training" if row.reused else ""
    return f"{row.label}: {words(state)}, {epochs}{reused}{best}"


def progress_line(progress: StudyProgress) -> str:
    """Return a one-line summary of the study."""
    head = (
        f"{progress.study}: {ended(progress.counts)}"
        + (f" of {progress.planned}" if progress.planned else "")
        + " runs"
    )
    counts = ", ".join(map(str, states(progress.counts))) or "starting"
    parts = [f"{counts} {reused_text(progress.reused)}".strip()]
    if progress.best_value is not None and progress.kind == "search":
        best, label = measured(progress.best_value, progress.metric), progress.best_label or ""
        parts.append(f"best {best} ({short_label(label, progress.kind)})")
    parts.append(f"{duration(progress.elapsed)} elapsed")
    if progress.remaining and progress.elapsed >= ESTIMATE_AFTER:
        parts.append(f"{about(progress.remaining)} left")
    return f"{head} | " + " | ".join(parts)


class LiveView:
    """A table that is redrawn in place, four times a second."""

    def __init__(self, console: Console):
        self._progress: StudyProgress | None = None
        self._shown_at = time.monotonic()
        self._console = console
        self._live = Live(console=console, get_renderable=self._draw, refresh_per_second=4, transient=False)

    def __enter__(self) -> LiveView:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def __call__(self, progress: StudyProgress) -> None:
        """Show `progress` from now on."""
        print_notes(self._console, progress.start_notes)
        self._progress, self._shown_at = progress, time.monotonic()

    def _draw(self) -> RenderableType:
        if self._progress is None:
            return Text("Starting ...")
        if self._progress.doing:
            return Text(f"{self._progress.doing} ... {duration(time.monotonic() - self._shown_at)}")
        ended_already = self._progress.finished or self._progress.interrupted
        since = 0.0 if ended_already else time.monotonic() - self._shown_at
        return render(self._progress, self._console.width, since)


def render(progress: StudyProgress, width: int, since: float = 0.0) -> RenderableType:
    """Return the live table for a terminal of `width` columns, `since` seconds after the progress was taken."""
    parts: list[RenderableType] = [_heading(progress, width)]
    if progress.running:
        parts.append(_running_table(progress, width, since))
    parts.append(_counts(progress))
    if progress.best_value is not None and progress.kind == "search":  # an ablation's best single seed means nothing
        parts.append(_best(progress, width))
    parts.append(_times(progress, since))
    parts += [Text(f"! {message}", style=WARNS) for message in progress.messages[-3:]]
    if progress.away:
        parts.append(Text(f"! {progress.away}", style=f"bold {BAD}"))
    return Group(*parts)


def _heading(progress: StudyProgress, width: int) -> RenderableType:
    done = ended(progress.counts)
    row = Table.grid(padding=(0, 2))
    bar = _bar(done, progress.planned, max(10, min(40, width // 3)))
    of = f"{done} of {progress.planned} runs" if progress.planned else f"{done} runs"
    row.add_row(Text(progress.study, style="bold"), progress.kind, bar if progress.planned else "", of)
    return row


def _bar(done: int, total: int, width: int) -> ProgressBar:
    return ProgressBar(
        total=max(total, 1), completed=done, width=width, style="#767676", complete_style=RUNS, finished_style=GOOD
    )


def _running_table(progress: StudyProgress, width: int, since: float) -> Table:
    """Return a table of running runs, with seeds for arms, and bars if the terminal is wide enough."""
    rows, metric = progress.running, progress.metric
    arms, bars = any(row.arm for row in rows), width >= WIDE
    table = plain_table()
    taken = 42 + 7 * arms + (width // 8 + 2 if bars else 0)
    table.add_column("arm" if arms else "run", no_wrap=True, max_width=max(16, width - taken), overflow="ellipsis")
    if arms:
        table.add_column("seed", justify="right", no_wrap=True)
    if bars:
        table.add_column("", no_wrap=True)
    table.add_column("epoch", no_wrap=True)
    for name in ("validation", "best", "time"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        names = [Text(row.arm or row.label, style=RUNS), *([Text(str(row.seed))] if arms else [])]
        bar = [_bar(row.epoch, row.epochs, max(8, min(24, width // 8)))] if bars else []
        cells = (measured(row.value, metric), measured(row.best, metric), duration(row.seconds + since))
        table.add_row(*names, *bar, f"{row.epoch}/{row.epochs}", *cells)
    return table


def _counts(progress: StudyProgress) -> Text:
    reused = Text(reused_text(progress.reused), style="dim")
    return Text("   ").join([*states(progress.counts), *filter(None, [reused])])


def _best(progress: StudyProgress, width: int) -> Text:
    label = short_label(progress.best_label or "", progress.kind)
    text = Text.assemble(
        "best so far  ", (measured(progress.best_value, progress.metric), f"bold {GOOD}"), f"  {label}"
    )
    settings = "  ".join(f"{name}={short(value)}" for name, value in progress.best_params.items())
    if settings:
        text.append(f"  {settings}", style="dim")
    text.truncate(2 * width - 1, overflow="ellipsis")
    return text


def _times(progress: StudyProgress, since: float) -> Text:
    elapsed = progress.elapsed + since
    left = progress.remaining
    known = left is not None and elapsed >= ESTIMATE_AFTER and not (progress.finished or progress.interrupted)
    text = f"elapsed {duration(elapsed)}"
    if known and left is not None:
        text += f"   {about(max(left - since, 0))} left"
    return Text(text, style="dim")
