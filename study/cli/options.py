"""Shared parts of the commands: options, home, console, and running a study."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..text import say

if TYPE_CHECKING:
    from rich.console import Console

    from ..spec.config import StudyConfig
    from ..stores.home import Home

HomeOption = Annotated[
    Path,
    typer.Option("--home", envvar="MAMLAB_HOME", help="Folder for all outputs: databases, checkpoints, reports, data."),
]
WorkersOption = Annotated[
    int | None, typer.Option("--workers", min=1, help="Number of parallel trainings; overrides \\[execution] workers.")
]
RetryOption = Annotated[
    bool, typer.Option("--retry-failed", help="Retry runs that failed or ran out of memory in an earlier start.")
]
TrustOption = Annotated[
    bool,
    typer.Option(
        "--trust-version",
        help="Resume with a \\[method] whose source has changed but whose version has not.",
    ),
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress display; print only the result.")]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print the result as JSON; everything else goes to standard error.")
]
SpecArgument = Annotated[Path, typer.Argument(help="The spec file (TOML).", show_default=False)]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="NAME=VALUE", help="Override a setting of the spec file, such as budget.epochs=5; repeatable."
    ),
]
SeedOption = Annotated[int | None, typer.Option("--seed", min=0, help="Override \\[study] seed.")]
RUNS = Path("runs")
FILE_COLUMNS = 100  # minimum width in a pipe or a file, where tables need not fit a window


def make_home(root: Path) -> Home:
    """Return the home at `root`. Raises typer.BadParameter for a file."""
    from ..stores.home import Home
    from ..stores.urls import open_to_others

    if root.exists() and not root.is_dir():
        raise typer.BadParameter(f"{root} is a file; name a folder", param_hint="'--home'")
    home = Home(root)
    if note := open_to_others(home.root):
        typer.echo(f"note: {note}", err=True)
    return home


@contextmanager
def reading(root: Path) -> Iterator[Home]:
    """Yield the home at `root` for reading, even if it is not writable. Raises typer.BadParameter for a file."""
    from ..stores.read_only import readable

    with readable(make_home(root)) as home:
        yield home


def make_console(stderr: bool = False) -> Console:
    """Return the console; with `stderr`, standard output is reserved for JSON."""
    from rich.console import Console

    console = Console(stderr=stderr)
    if not console.is_terminal:
        console.width = max(console.width, FILE_COLUMNS)
    return console


def print_message(text: str) -> None:
    """Announce a slow step on stderr."""
    typer.echo(text, err=True)


def loading(what: str = "PyTorch, Optuna and MLflow", quiet: bool = False) -> None:
    """Announce that `what` is being loaded, which takes seconds, unless it was loaded by an earlier command."""
    if not quiet and "study.spec.parsing" not in sys.modules:
        print_message(f"Loading {what} ...")


def with_workers(config: StudyConfig, workers: int | None) -> StudyConfig:
    """Return `config` with this number of workers; None keeps the spec's."""
    from ..python.running import with_limits

    return with_limits(config, workers)


def conduct_study(
    config: StudyConfig, home: Home, quiet: bool, retry: bool = False, as_json: bool = False, trust: bool = False
) -> None:
    """Start or resume a study, print its result, and exit with its status."""
    from ..engine.trusted_version import with_trusted_version
    from ..repair.retrying import retry_failed
    from .outcome import conduct

    console = make_console(stderr=as_json)
    if trust:
        config = with_trusted_version(config, home)
    if retry:
        count = retry_failed(home, config.study.name)
        say(console, f"{count or 'No'} trial{'' if count == 1 else 's'} to retry.")
    status = conduct(config, home, console, quiet)
    if as_json:
        from .study_json import print_study

        print_study(config, home, status)
    raise typer.Exit(status)
