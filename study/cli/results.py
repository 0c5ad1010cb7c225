"""Commands that show results: report, verify, status, logs, ui."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..text import print_notes, say
from .options import (
    RUNS,
    HomeOption,
    JsonOption,
    loading,
    make_console,
    make_home,
    print_message,
    reading,
)

if TYPE_CHECKING:
    from ..engine.overview import Overview


def report(
    study: Annotated[
        str | None,
        typer.Argument(
            help="Name of a study in the home. With --from: spec file of an ablation, to arrange runs in its design.",
            show_default=False,
        ),
    ] = None,
    source: Annotated[
        list[Path] | None,
        typer.Option(
            "--from",
            help="Folder of an earlier report, instead of a study. Repeat it to merge parts of one ablation.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the report. Default: HOME/reports/STUDY.", show_default=False)
    ] = None,
    paper: Annotated[
        str | None,
        typer.Option(help="Published numbers to show beside yours, such as omniglot-20way-1shot.", show_default=False),
    ] = None,
    promoted: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FOLDER",
            help="Of a search: report of a study that `promote` made of its trials, to show what they are worth.",
            show_default=False,
        ),
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="Open the page in your browser.")] = False,
    links: Annotated[
        bool,
        typer.Option(help="Link every number to its runs in MLflow. Use --no-links for a report to publish."),
    ] = True,
    ui_address: Annotated[
        str | None,
        typer.Option(
            "--ui-address",
            metavar="URL",
            show_default=False,
            help="Where the MLflow UI answers, for the links. Default: where mamlab ui served last.",
        ),
    ] = None,
    json_: JsonOption = False,
    home: HomeOption = RUNS,
) -> None:
    """Write a study's report: web page, Markdown, LaTeX tables, figures and raw results.

    Exit status 1 if runs are missing in MLflow.

    Example: mamlab report demo-search
    """
    loading("Optuna, MLflow and Matplotlib")
    if study is None and not source:
        raise typer.BadParameter("name a study, or a folder with --from FOLDER", param_hint="'STUDY'")
    if study and source and not Path(study).is_file():
        raise typer.BadParameter(
            f"with --from it is the spec file of an ablation, and there is no file {study}; leave it out to keep the "
            "design of the reports",
            param_hint="'STUDY'",
        )
    from reports.render.tables_json import headline_in

    from ..reporting import ReportChoices, report_from_files, report_of
    from ..spec.parsing import load_spec

    console = make_console(stderr=json_)
    choices = ReportChoices(out, paper, links, ui_address, tuple(promoted or ()))
    notes, missing = tuple[str, ...](), ""
    with reading(home) as place:
        if source:
            page = report_from_files(source, place, choices, load_spec(Path(study)) if study else None)
        else:
            page, found = report_of(str(study), place, choices)
            notes, missing = found.info.notes, found.info.missing
    print_notes(console, notes)
    for sentence in headline_in(page.parent):
        say(console, sentence)
    say(console, f"Report: {page}")
    if json_:
        from .study_json import print_report

        print_report(page)
    if open_:
        typer.launch(page.resolve().as_uri())
    raise typer.Exit(int(bool(missing)))


def verify(
    report: Annotated[Path, typer.Argument(help="Folder of a report, or the name of a study.", show_default=False)],
    against: Annotated[
        Path | None,
        typer.Option(
            help="Folder of a report made elsewhere: also check that runs in both have the same results.",
            show_default=False,
        ),
    ] = None,
    json_: JsonOption = False,
    home: HomeOption = RUNS,
) -> None:
    """Check a report's tables against its raw results, and the raw results against MLflow.

    Exit status 1 if anything differs.

    Example: mamlab verify runs/reports/demo-ablation
    """
    loading("Optuna and Matplotlib")
    from .verifying import verify_report

    with reading(home) as place:
        raise typer.Exit(verify_report(report, place, make_console(), against, json_))


def status(
    study: Annotated[
        str | None,
        typer.Argument(
            help="Name of a study, to see its details. Without it, all studies are listed.", show_default=False
        ),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Refresh every second, until the study ends or you press Ctrl-C.")
    ] = False,
    json_: JsonOption = False,
    home: HomeOption = RUNS,
) -> None:
    """Show the progress of all studies, or one study in detail.

    Example: mamlab status demo-search
    """
    if watch and json_:
        raise typer.BadParameter("cannot be combined with --json; leave out one of them", param_hint="'--watch'")
    from ..engine.read_overviews import overview, overviews
    from ..json_output import print_json
    from . import status as pages

    with reading(home) as place:

        def read(print_message: Callable[[str], None] = lambda text: None) -> list[Overview]:
            return [overview(place, study, print_message)] if study else overviews(place, print_message)

        console, found = make_console(), read(print_message)
        if json_:
            print_json("status", {"studies": [one.as_tree() for one in found]})
        elif watch:
            found = pages.watch(found, read, console, study is not None)
        else:
            console.print(pages.page(found, study is not None))
    raise typer.Exit(int(any(one.missing for one in found)))


def logs(
    study: Annotated[str, typer.Argument(help="Name of a study in the home.", show_default=False)],
    run: Annotated[
        str, typer.Argument(help="Part of a run's name, to show only that run. Default: all runs.", show_default=False)
    ] = "",
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Keep printing new lines, until the study ends or you press Ctrl-C.")
    ] = False,
    home: HomeOption = RUNS,
) -> None:
    """Show the logs of a study's workers.

    Example: mamlab logs demo-search trial-003 --follow
    """
    from .logs import show_logs

    show_logs(make_home(home), study, run, follow, typer.echo)


def ui(
    study: Annotated[str, typer.Argument(help="Study to open. Default: the latest.", show_default=False)] = "",
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 5000,
    browser: Annotated[bool, typer.Option(help="Open the study in your browser.")] = True,
    host: Annotated[str, typer.Option(help="Address to listen on. One that other machines reach needs --anyone.")] = (
        "127.0.0.1"
    ),
    anyone: Annotated[
        bool, typer.Option("--anyone", help="Confirm that anyone who reaches --host may read, change and delete runs.")
    ] = False,
    home: HomeOption = RUNS,
) -> None:
    """Start the MLflow UI with your runs, and open it in the browser. Ctrl-C stops it.

    Example: mamlab ui --port 5001
    """
    loading("MLflow")
    from ..mlflow_ui.server import Choices, serve

    with reading(home) as place:
        serve(place, Choices(port, study, browser, host, anyone), make_console())
