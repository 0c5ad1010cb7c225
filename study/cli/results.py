"""Commands that show what a study has reached: report, verify, status, ui."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..text import print_notes, say
from .options import (
    RUNS,
    HomeOption,
    make_console,
    reading,
)

if TYPE_CHECKING:
    pass


def report(
    study: Annotated[str | None, typer.Argument(help="Name of a study in the home.", show_default=False)] = None,
    source: Annotated[
        Path | None, typer.Option("--from", help="A folder with an earlier report's files, instead of a study.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Where to write it. Default: HOME/reports/STUDY.", show_default=False)
    ] = None,
    paper: Annotated[
        str | None,
        typer.Option(help="Published numbers to stand beside yours, such as omniglot-20way-1shot.", show_default=False),
    ] = None,
    links: Annotated[
        bool, typer.Option(help="Lead from every number to its runs in MLflow. Without: a report to publish.")
    ] = True,
    home: HomeOption = RUNS,
) -> None:
    """Write a study's report: a web page, Markdown, LaTeX tables, figures and the raw results.

    Exits with 1 if runs are missing in MLflow.

    Example: mamlab report demo-search
    """
    if (study is None) == (source is None):
        raise typer.BadParameter("name a study, or a folder with --from FOLDER (one of the two)", param_hint="'STUDY'")
    from ..reporting import ReportChoices, report_from_files, report_of

    console = make_console()
    choices = ReportChoices(out, paper, links)
    with reading(home) as place:
        if source:
            say(console, f"Report: {report_from_files(source, place, choices)}")
            return
        page, info = report_of(str(study), place, choices)
    print_notes(console, info.notes)
    if info.missing:
        say(console, f"Incomplete: {info.missing}.")
    say(console, f"Report: {page}")
    raise typer.Exit(int(bool(info.missing)))


def verify(
    report: Annotated[Path, typer.Argument(help="A report's folder, or the name of a study.", show_default=False)],
    against: Annotated[
        Path | None,
        typer.Option(
            help="A report made elsewhere: did the trainings that both have reach the same?", show_default=False
        ),
    ] = None,
    home: HomeOption = RUNS,
) -> None:
    """Check a report's tables against its raw results, and those against MLflow.

    Exits with 1 if any differ.

    Example: mamlab verify runs/reports/demo-ablation
    """
    from .verifying import verify_report

    with reading(home) as place:
        raise typer.Exit(verify_report(report, place, make_console(), against))


def status(
    study: Annotated[
        str | None, typer.Argument(help="One study in full; without it, all in a table.", show_default=False)
    ] = None,
    home: HomeOption = RUNS,
) -> None:
    """Show the progress of all studies, or of one in full.

    Example: mamlab status demo-search
    """
    from ..engine.status import read_studies, read_study
    from .status import studies_table, study_page

    with reading(home) as place:
        found = [read_study(place, study)] if study else read_studies(place)
        make_console().print(study_page(found[0]) if study else studies_table(found))
    raise typer.Exit(int(any(one.missing for one in found)))


def ui(
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 5000,
    home: HomeOption = RUNS,
) -> None:
    """Start the MLflow UI on the runs; stop it with Ctrl-C.

    Example: mamlab ui --port 5001
    """
    from ..mlflow_ui.server import serve

    with reading(home) as place:
        serve(place, port, make_console())
