"""What `mamlab ui` prints: the addresses of a study, labelled, and one of each other; how to reach them over SSH."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from reports import records
from reports.data.experiments import study_of
from reports.data.mlflow_runs import experiments_where
from trainers.errors import InputError

from ..engine.views import CHARTS, SUMMARY, saved_views, view_path
from ..processes import LOOPBACK
from ..stores.connect import open_mlflow
from ..stores.home import Home
from ..stores.study_names import UnknownStudyError
from ..stores.urls import redact


@dataclass(frozen=True)
class ShownStudy:
    """A study in the UI: its views, by key."""

    name: str
    experiment_id: str
    views: dict[str, str]

    def address(self, server: str) -> str:
        """Return the address of its first view."""
        return address(server, self.experiment_id, next(iter(self.views)))


def address(server: str, experiment_id: str, view: str = "") -> str:
    """Return the full address of an experiment's run table on `server`, in a saved view if one is named."""
    return f"{redact(server)}/{view_path(experiment_id, view)}"


def shown_studies(home: Home, wanted: str = "") -> list[ShownStudy]:
    """Return the studies of a home, the newest last, or the `wanted` one last. Raises UnknownStudyError."""
    client = open_mlflow(home)
    others = [one for one in experiments_where(client) if one.name != "Default"]
    studies = [ShownStudy(study_of(one), one.experiment_id, _views(client, one)) for one in others]
    studies.sort(key=lambda one: (one.name == wanted, int(one.experiment_id)))
    if wanted and (not studies or studies[-1].name != wanted):
        known = ", ".join(one.name for one in reversed(studies)) or "none"
        raise UnknownStudyError(f"no study named {wanted!r} in {home.root} (studies: {known})")
    return studies


def _views(client: Any, experiment: Any) -> dict[str, str]:
    """Return the saved views of an experiment, the best first; without summary runs their view comes last."""
    views, summaries = saved_views(experiment.tags), f"tags.{records.TAG_ROLE} = '{records.ROLE_SUMMARY}'"
    if SUMMARY in views and not client.search_runs([experiment.experiment_id], summaries, max_results=1):
        views[SUMMARY] = views.pop(SUMMARY)
    return views


def address_lines(home: Home, studies: Sequence[ShownStudy], server: str) -> Iterator[str]:
    """Yield one line for each study but the last, and three labelled ones for that: table, charts, report."""
    for study in studies[:-1]:
        yield f"{study.name}: {study.address(server)}"
    if studies:
        last = studies[-1]
        report = home.reports / last.name / "index.html"
        yield last.name
        yield f"  table   {last.address(server)}"
        yield f"  charts  {last.address(server)}{CHARTS}"
        yield f"  report  {report.as_uri() if report.is_file() else home.command('report', last.name)}"


def tunnel(port: int) -> str:
    """Return the line to type on one's own machine to reach the UI, where this is a session over SSH; else empty."""
    session = os.environ.get("SSH_CONNECTION", "").split()
    if not session:
        return ""
    host = session[2] if len(session) > 2 else socket.gethostname()
    return f"ssh -L {port}:127.0.0.1:{port} {getpass.getuser()}@{host}"


def refuse_open(host: str, anyone: bool) -> None:
    """Raise InputError for a host that others can reach, unless it was said that they may."""
    if host not in LOOPBACK and not anyone:
        raise InputError(
            f"--host {host}: everyone who can reach this machine could then read, change and delete all runs, without "
            "a password. To allow that, add --anyone; else leave --host out, and reach the UI through a tunnel: "
            "ssh -L 5000:127.0.0.1:5000 USER@THIS_MACHINE"
        )
