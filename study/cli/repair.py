"""Commands that repair and tidy a home: doctor, clean, delete."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Annotated

import typer

from .options import (
    RUNS,
    HomeOption,
    JsonOption,
    loading,
    make_console,
    make_home,
    reading,
)


def doctor(
    study: Annotated[str, typer.Argument(help="Name of a study in the home.", show_default=False)],
    fix: Annotated[bool, typer.Option("--fix", help="Fix what can be fixed without training.")] = False,
    json_: JsonOption = False,
    home: HomeOption = RUNS,
) -> None:
    """Check whether Optuna, MLflow, the checkpoints and the journal agree about a study.

    Exit status 1 if a disagreement remains.

    Example: mamlab doctor demo-search --fix
    """
    loading()
    from ..repair.doctor import examine

    raise typer.Exit(examine(make_home(home), study, make_console(), fix=fix, as_json=json_))


def delete(
    study: Annotated[str, typer.Argument(help="Name of a study in the home.", show_default=False)],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    home: HomeOption = RUNS,
) -> None:
    """Delete a study permanently: from both stores, with its report, artifacts, logs and checkpoints.

    Checkpoints that other studies use are kept. Exit status 1 if you answer no.

    Example: mamlab delete demo-search
    """
    loading("Optuna and MLflow")
    from ..repair.delete import delete_study

    sure = (lambda text: True) if yes else (lambda text: bool(typer.confirm(text)))
    raise typer.Exit(delete_study(make_home(home), study, make_console(), sure))


def clean(
    yes: Annotated[bool, typer.Option("--yes", help="Delete the files. Without it, they are only listed.")] = False,
    home: HomeOption = RUNS,
) -> None:
    """List files that no study uses (checkpoints, logs, journals); delete them with --yes.

    Example: mamlab clean --yes
    """
    loading("Optuna and MLflow")
    from ..repair.clean import clean

    with nullcontext(make_home(home)) if yes else reading(home) as place:
        clean(place, make_console(), yes=yes)
