"""The `mamlab` command. Thin: each command reads its arguments and calls one function.

Torch, MLflow and Optuna are imported inside the commands, so that `mamlab --help` answers at once.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trainers.errors import MamlabError

from ..stores.failures import explained
from ..stores.urls import redact
from ..text import print_notes, say
from .models import ablate_winner, export, promote
from .options import (
    RUNS,
    HomeOption,
    QuietOption,
    RetryOption,
    SpecArgument,
    WorkersOption,
    conduct_study,
    make_console,
    make_home,
    reading,
    with_workers,
)
from .space import space

if TYPE_CHECKING:
    from ..spec.config import StudyConfig

UNEXPECTED = (
    "mamlab stopped on an unexpected error (above), which is a fault of mamlab.\n"
    "What is saved of a study, `mamlab status` and `mamlab doctor STUDY` say"
)

app = typer.Typer(
    help="Find out which parts of MAML++ matter, and how to set them.\n\nStart with: mamlab demo",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(space, name="space")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        try:
            typer.echo(f"mamlab {version('mamlab')}")
        except PackageNotFoundError:
            typer.echo("mamlab (not installed, run from its source)")
        raise typer.Exit


@app.callback()
def _root(
    show: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def demo(home: HomeOption = RUNS, workers: WorkersOption = None, quiet: QuietOption = False) -> None:
    """Search, ablate and report on an embedded data set, in a few minutes.

    Nothing is downloaded. Example: mamlab demo --home runs
    """
    from .demo import run_demo

    raise typer.Exit(run_demo(make_home(home), make_console(), workers, quiet))


@app.command()
def train(
    spec: Annotated[
        Path | None, typer.Argument(help="A spec file; without one, the options say what.", show_default=False)
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="maml, fomaml, meta_sgd, mamlpp or mamlpp_released. Default: mamlpp.")
    ] = None,
    data: Annotated[str | None, typer.Option(help="glyphs, omniglot or cifar_fs. Default: glyphs.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Default: 0.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Default: the preset's.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Any trainer setting; may be repeated.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the study. Default: made from the other options.")] = None,
    home: HomeOption = RUNS,
    quiet: QuietOption = False,
) -> None:
    """Train one config, from a spec file or from options.

    Example: mamlab train --preset maml --epochs 5 --set inner.steps=3 --set budget.iterations=50
    """
    from ..spec.quick_spec import quick_spec

    typed = {"--preset": preset, "--data": data, "--seed": seed, "--epochs": epochs, "--set": set_, "--name": name}
    given = {option: value for option, value in typed.items() if value not in (None, [])}
    if spec is not None and given:
        raise typer.BadParameter(
            f"has no effect beside a spec file; say it in {spec}", param_hint=f"'{next(iter(given))}'"
        )
    config = _spec(spec, "train") if spec else quick_spec(preset, data, seed, epochs, set_ or [], name)
    conduct_study(config, make_home(home), quiet)


@app.command()
def search(
    spec: SpecArgument,
    trials: Annotated[int | None, typer.Option(min=1, help="Number of trials, instead of \\[budget] trials.")] = None,
    workers: WorkersOption = None,
    retry_failed: RetryOption = False,
    home: HomeOption = RUNS,
    quiet: QuietOption = False,
) -> None:
    """Search for the best settings; the spec file has a section "space".

    Example: mamlab search examples/omniglot_search.toml --trials 40
    """
    from ..python.running import with_limits

    conduct_study(with_limits(_spec(spec, "search"), workers, trials), make_home(home), quiet, retry_failed)


@app.command()
def ablate(
    spec: Annotated[Path | None, typer.Argument(help="The spec file (TOML).", show_default=False)] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="STUDY",
            help="Instead of a spec file: ablate the winner of this search, or of the report in this folder.",
        ),
    ] = None,
    trial: Annotated[int | None, typer.Option(min=0, help="--from: this trial instead of the best.")] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="--from: trainings an arm. Default: enough for a p value below 0.05.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="--from: name of the new study. Default: STUDY-ablated.")] = None,
    data: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="--from: the folder of its data, if it moved.", show_default=False),
    ] = None,
    workers: WorkersOption = None,
    retry_failed: RetryOption = False,
    home: HomeOption = RUNS,
    quiet: QuietOption = False,
) -> None:
    """Measure what each component adds; the spec file has a section "ablation", or --from names a search.

    Example: mamlab ablate examples/omniglot_ablation.toml --workers 2

    Or: mamlab ablate --from demo-search
    """
    from ..spec.families import refuse_underpowered

    if (spec is None) == (source is None):
        raise typer.BadParameter(
            "name a spec file, or a search with --from STUDY (one of the two)", param_hint="'SPEC'"
        )
    if spec is None:
        ablate_winner(str(source), trial, seeds, name, data, home, workers, quiet)
        return
    for option, value in (("--trial", trial), ("--seeds", seeds), ("--name", name), ("--data", data)):
        if value is not None:
            raise typer.BadParameter(f"has no effect beside a spec file; say it in {spec}", param_hint=f"'{option}'")
    config = _spec(spec, "ablation")
    refuse_underpowered(config)
    conduct_study(with_workers(config, workers), make_home(home), quiet, retry_failed)


for command in (promote, export):
    app.command()(command)


@app.command()
def plan(
    spec: SpecArgument,
    budget: Annotated[
        str | None, typer.Option(help="Time that there is, such as 6h or 90m: proposes the design that fits.")
    ] = None,
    sd: Annotated[
        float | None, typer.Option(min=0, help="Guess of the sd of a seed's paired difference, in points of accuracy.")
    ] = None,
    source: Annotated[
        Path | None, typer.Option("--from", help="An earlier report's folder, whose seeds tell that sd.")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print the plan as JSON.")] = False,
    workers: WorkersOption = None,
    home: HomeOption = RUNS,
) -> None:
    """Say what a study will take and what it can find, without running it.

    Measures a few iterations. Example: mamlab plan examples/omniglot_ablation.toml --budget 6h
    """
    from ..planning.page import show_plan
    from ..spec.config import load_spec

    config = load_spec(spec)
    with reading(home) as place:
        show_plan(config, place, make_console(), budget, sd, source, json_, workers)


@app.command()
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
    """Write the report of a study: index.html, report.md, tables for LaTeX, figures, and the raw results. Exit status 1 if runs are missing in MLflow.

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


@app.command()
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
    """Check a report: its tables against its raw results, and these against MLflow's. Exit status 1 if any differ.

    Example: mamlab verify runs/reports/demo-ablation
    """
    from .verifying import verify_report

    with reading(home) as place:
        raise typer.Exit(verify_report(report, place, make_console(), against))


@app.command()
def status(
    study: Annotated[
        str | None, typer.Argument(help="One study in full; without it, all in a table.", show_default=False)
    ] = None,
    home: HomeOption = RUNS,
) -> None:
    """Show where the studies stand, also while one is running.

    Example: mamlab status demo-search
    """
    from ..engine.status import read_studies, read_study
    from .status import studies_table, study_page

    with reading(home) as place:
        found = [read_study(place, study)] if study else read_studies(place)
        make_console().print(study_page(found[0]) if study else studies_table(found))
    raise typer.Exit(int(any(one.missing for one in found)))


@app.command()
def doctor(
    study: Annotated[str, typer.Argument(help="Name of a study in the home.", show_default=False)],
    fix: Annotated[bool, typer.Option("--fix", help="Mend what can be mended without training.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print what was found as JSON.")] = False,
    home: HomeOption = RUNS,
) -> None:
    """Compare Optuna, MLflow, checkpoints and journal of a study; exit status 1 if something disagrees and stays.

    Example: mamlab doctor demo-search --fix
    """
    from ..repair.doctor import examine

    raise typer.Exit(examine(make_home(home), study, make_console(), fix=fix, as_json=json_))


@app.command()
def clean(
    yes: Annotated[bool, typer.Option("--yes", help="Delete it; without this it is only listed.")] = False,
    home: HomeOption = RUNS,
) -> None:
    """List what no study needs (checkpoints, logs, journals), with sizes; delete it with --yes.

    Example: mamlab clean --yes
    """
    from ..repair.clean import clean

    with nullcontext(make_home(home)) if yes else reading(home) as place:
        clean(place, make_console(), yes=yes)


@app.command()
def ui(
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 5000,
    home: HomeOption = RUNS,
) -> None:
    """Start the MLflow UI on the runs, until Ctrl-C.

    Example: mamlab ui --port 5001
    """
    from ..mlflow_ui.server import serve

    with reading(home) as place:
        serve(place, port, make_console())


@app.command()
def data(
    name: Annotated[
        str | None,
        typer.Argument(
            help="The data set to prepare, a folder of class folders, or a spec file; without it, all are listed.",
            show_default=False,
        ),
    ] = None,
    home: HomeOption = RUNS,
) -> None:
    """List the data sets, or prepare one and draw a sheet of its classes.

    Example: mamlab data glyphs
    """
    from .data_sheet import data_page, data_table

    make_console().print(data_page(name, make_home(home)) if name else data_table(make_home(home)))


def _spec(path: Path, kind: str) -> StudyConfig:
    from ..spec.config import SpecError, load_spec

    config = load_spec(path)
    if config.kind != kind:
        raise SpecError([f"{path} describes a {config.kind}; run it with: mamlab {config.command} {path}"])
    return config


def run(args: Sequence[str]) -> int:
    """Run the command line `args` and return its exit status.

    0: done; 2: the user can mend it, and an `error:` line says how; 130: stopped by Ctrl-C; 1: the study has ended
    without a complete run, or our fault, with traceback.
    """
    command: Any = typer.main.get_command(app)
    try:
        status = command.main(list(args) or ["--help"], prog_name="mamlab", standalone_mode=False)
        return status if isinstance(status, int) else 0
    except typer.TyperException as error:
        context = getattr(error, "ctx", None)
        _complain(f"{error.format_message()}\nsee: {context.command_path if context else 'mamlab'} --help")
        return 2
    except typer.Abort:
        return 130
    except MamlabError as error:
        _complain(str(error))
        return 2
    except Exception as error:
        if text := explained(error):
            _complain(text)
            return 2
        print(redact("".join(traceback.format_exception(error))), end="", file=sys.stderr)
        _complain(UNEXPECTED)
        return 1


def _complain(text: str) -> None:
    first, *rest = redact(text).splitlines() or [""]
    print("\n".join([f"error: {first}", *(f"       {line}" for line in rest)]), file=sys.stderr)


def main() -> None:
    """Run the `mamlab` command."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
