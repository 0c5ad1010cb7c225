"""The status of a home's studies, read from MLflow, also while a driver writes. Only tags and last metrics are read,
not curves, so this is quick for thousands of runs.
"""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from reports import records
from reports.tables.cells import setting
from reports.text import accuracy

from ..engine.status import RunStatus, StudyStatus
from ..text import COLOURS, plain_table, searched_settings, short_label, states


def studies_table(studies: list[StudyStatus]) -> RenderableType:
    """Return a row a study: name, kind, runs by state, best; and a line for each that misses runs."""
    table = plain_table("study", "kind", "runs", "states", "best", numbers=["runs", "best"])
    for study in studies:
        best = accuracy(study.best.value) if study.best else "-"
        table.add_row(study.name, study.kind, str(len(study.runs)), _states(study), best)
    return Group(table, *(Text(f"{study.name}: {study.missing}", style="yellow") for study in studies if study.missing))


def study_page(study: StudyStatus) -> RenderableType:
    """Return one study in full: states, runs in progress, the best trial and its searched settings, what failed."""
    parts: list[RenderableType] = [
        Text.assemble((study.name, "bold"), f"  {study.kind}  {len(study.runs)} runs"),
        _states(study),
        Text(f"driver   {study.driver}" if study.driver else "driver   none: not running", style="dim"),
    ]
    if study.problem:
        parts.append(Text(study.problem, style="yellow"))
    parts += [Text(study.missing, style="yellow")] if study.missing else []
    parts += [Text(f"note     {note}", style="dim") for note in study.notes]
    for run in study.runs:
        if run.state == records.RUNNING:
            parts.append(Text(_running_line(study, run), style="cyan"))
    parts += [Text(f"waits    {line}", style="yellow") for line in study.held]
    if best := study.best:
        label = short_label(best.label, study.kind)
        parts.append(Text.assemble("best     ", (accuracy(best.value), "bold green"), f"  {label}"))
        settings = searched_settings(study.searched, best.params)
        parts += [f"         {name} = {setting(value).text}" for name, value in settings.items()]
    parts += [Text(f"{run.state}  {run.label}: {run.message}", style="yellow") for run in study.runs if run.message][
        -5:
    ]
    return Group(*parts)


def _running_line(study: StudyStatus, run: RunStatus) -> str:
    label, epochs = short_label(run.label, study.kind), run.params.get("budget.epochs", "?")
    return f"running  {label}  epoch {run.epoch} of {epochs}, validation {accuracy(run.best)}"


def _states(study: StudyStatus) -> Text:
    known = [(state, count) for state, count in states(study.counts)]
    return Text("  ").join(Text(f"{count} {state}", style=COLOURS[state]) for state, count in known)
