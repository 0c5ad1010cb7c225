"""The note on top of a study's experiment in the MLflow UI: what was found, its report, and its views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reports import records
from reports.escaping import markdown as escape
from reports.links import LAYOUT

from .views import CHARTS, View, view_path

NOTE = "mlflow.note.content"
END = "*mamlab renews what stands above this line, and leaves what you write below it.*"


def write_note(
    client: Any, experiment_id: str, title: str, views: Sequence[View], found: Sequence[str] = (), run_id: str = ""
) -> None:
    """Write the note; what somebody wrote below ours stays.

    `title` says what the study is, `found` in sentences what came out, the shortest first: without any, a note that is
    there stays. `run_id` is the study's own run, which keeps the report.
    """
    there = client.get_experiment(experiment_id).tags.get(NOTE, "")
    if not found and there:
        return
    report = f"#/experiments/{experiment_id}/runs/{run_id}/artifacts/{records.REPORT_FOLDER}/index.html?{LAYOUT}"
    parts = [*map(escape, found), title, *([f"- [Report]({report})"] if run_id else [])]
    lines = "\n".join(_link(experiment_id, view) for view in views)
    client.set_experiment_tag(experiment_id, NOTE, "\n\n".join([*parts, lines, END]) + _kept(there))


def _link(experiment_id: str, view: View) -> str:
    path = view_path(experiment_id, view.key)
    return f"- [{view.name}]({path}) · [charts]({path}{CHARTS})"


def _kept(there: str) -> str:
    """Return what somebody wrote below our part of a note; of one that an earlier version wrote, all but its lines."""
    ours, end, theirs = there.partition(END)
    if end:
        return theirs
    others = [line for line in ours.splitlines() if line.strip() and not _earlier(line)]
    return "".join(f"\n\n{line}" for line in others)


def _earlier(line: str) -> bool:
    return line.endswith(" by mamlab.") or (line.startswith("- [") and "viewStateShareKey=" in line)


def title_of(name: str, kind: str) -> str:
    """Return what a study is, for its note."""
    what = {records.SEARCH: "a search", records.ABLATION: "an ablation"}.get(kind, "a training")
    return f"**{escape(name)}** is {what} by mamlab."
