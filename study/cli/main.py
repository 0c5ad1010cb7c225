"""The `mamlab` command. Each command reads its arguments and calls one function.

Torch, MLflow and Optuna are imported inside the commands, so that `mamlab --help` answers at once.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from trainers.errors import MamlabError

from ..processes import write_any_text
from ..stores.system_errors import explained
from ..stores.urls import redact
from . import comparing, models, prepare, repair, results, studies
from .method import method
from .space import space

UNEXPECTED = (
    "mamlab stopped because of an unexpected error (above). This is a bug in mamlab.\n"
    "To see what is saved of a study, run `mamlab status` and `mamlab doctor STUDY`"
)

app = typer.Typer(
    help="Find out which parts of MAML++ matter, and how to set them.\n\nStart with: mamlab demo",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

COMMANDS: dict[str, tuple[Any, ...]] = {
    "Run studies": (studies.demo, studies.train, studies.search, studies.ablate, models.promote),
    "Prepare": (prepare.init, prepare.plan, space, method, prepare.data, prepare.schema),
    "Results": (
        results.status,
        results.logs,
        results.report,
        comparing.compare,
        results.verify,
        results.ui,
        models.export,
    ),
    "Repair": (repair.doctor, repair.clean, repair.delete),
}
"""The commands by panel of `mamlab --help`."""

for panel, commands in COMMANDS.items():
    for command in commands:
        if isinstance(command, typer.Typer):
            app.add_typer(command, name="space" if command is space else "method", rich_help_panel=panel)
        else:
            app.command(rich_help_panel=panel)(command)


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


def run(args: Sequence[str]) -> int:
    """Run the command line `args` and return its exit status.

    0: success; 2: an error that the user can fix, with an `error:` line; 130: stopped by Ctrl-C; 1: the study ended
    without a complete run, something disagrees, or a bug, with traceback. docs/automation.md has the table.
    """
    write_any_text()
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
