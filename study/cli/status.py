"""The output of `mamlab status`: a table of studies, or one study in detail; once, or refreshed."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from reports.text import about, measured, setting_text

from ..engine.overview import Overview, RunningRun
from ..text import GOOD, RUNS, WARNS, ended, plain_table, reused_text, short_label, states

WATCH_SECONDS = 1.0
SINCE = re.compile(r"since (\d{4}-\d\d-\d\d[ T][0-9:.]+(?:[+-][0-9:]+|Z)?)")


def studies_table(studies: Sequence[Overview]) -> RenderableType:
    """Return a table of studies: name, kind, progress, runs by state, a search's best; and lines on missing runs."""
    table = plain_table("study", "kind", "runs", "states", "best", numbers=["best"])
    for study in studies:
        best = study.best.accuracy if study.best else ""
        table.add_row(Text(study.name), study.kind, Text(progress_text(study)), _states(study), best)
    return Group(table, *(Text(f"{study.name}: {study.missing}", style=WARNS) for study in studies if study.missing))


def study_page(study: Overview) -> RenderableType:
    """Return one study in detail: states, runs in progress, best trial with its searched settings, problems."""
    driver = local_time(study.driver) if study.driver else "none: not running"
    parts: list[RenderableType] = [
        Text.assemble((study.name, "bold"), f"  {study.kind}  {progress_text(study)}"),
        _states(study),
        Text(f"driver   {driver}", style="dim"),
    ]
    parts += [Text(line, style=WARNS) for line in (study.problem, study.missing) if line]
    parts += [Text(f"note     {note}", style="dim") for note in study.notes]
    parts += [Text(_running_line(study, run), style=RUNS) for run in study.running]
    parts += [Text(f"waits    {line}", style=WARNS) for line in study.held]
    if best := study.best:
        parts.append(
            Text.assemble("best     ", (best.accuracy, f"bold {GOOD}"), f"  {short_label(best.label, study.kind)}")
        )
        parts += [Text(f"         {name} = {setting_text(value)}") for name, value in best.settings.items()]
    return Group(*parts, *(Text(line, style=WARNS) for line in study.troubles))


def progress_text(study: Overview) -> str:
    """Return a study's progress: "24 of 42 runs, about 3 min left"."""
    done = ended(study.counts)
    total = max(study.planned, sum(study.counts.values())) if study.planned else 0
    text = f"{done} of {total} runs" if total else f"{done} run{'' if done == 1 else 's'}"
    left = study.remaining - (time.time() - study.at) if study.driver and study.remaining else None
    return text if left is None or done >= total > 0 else f"{text}, {about(max(left, 0))} left"


def local_time(text: str) -> str:
    """Return a text with its time ("since 2026-11-27 06:37:32+00:00") converted to local time."""
    return SINCE.sub(lambda found: f"since {clock(datetime.fromisoformat(found[1]).timestamp())}", text)


def clock(seconds: float) -> str:
    """Return a local time: 14:05, with the date if it is not today."""
    when = time.localtime(seconds)
    today = when[:3] == time.localtime()[:3]
    return time.strftime("%H:%M" if today else "%Y-%m-%d %H:%M", when)


def page(studies: Sequence[Overview], one: bool) -> RenderableType:
    """Return `one` study in detail, or a table of studies."""
    return study_page(studies[0]) if one else studies_table(studies)


def watch(found: list[Overview], read: Callable[[], list[Overview]], console: Console, one: bool) -> list[Overview]:
    """Show `found`, then what `read` returns, until no driver is running or Ctrl-C; return the last.

    Without a terminal, only the last is printed.
    """
    with suppress(KeyboardInterrupt), Live(page(found, one), console=console, auto_refresh=False) as live:
        while any(study.driver for study in found):
            time.sleep(WATCH_SECONDS)
            found = read()
            live.update(page(found, one), refresh=True)
    return found


def _running_line(study: Overview, run: RunningRun) -> str:
    label, value = short_label(run.label, study.kind), measured(run.accuracy, study.metric)
    return f"running  {label}  epoch {run.epoch} of {run.epochs}, validation {value}"


def _states(study: Overview) -> Text:
    reused = f" {reused_text(study.reused)}" if study.reused else ""
    return Text(", ").join(states(study.counts)).append(reused, style="dim")
