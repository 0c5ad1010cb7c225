"""Commands after a study: retrain a search's best configs on fresh seeds, ablate its winner, export a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..text import say
from .options import (
    RUNS,
    HomeOption,
    JsonOption,
    QuietOption,
    WorkersOption,
    conduct_study,
    loading,
    make_console,
    make_home,
    reading,
    with_workers,
)

if TYPE_CHECKING:
    from ..followup import Searched
    from ..spec.config import StudyConfig
    from ..stores.home import Home


DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data", metavar="PATH", help="The folder with the study's data, if it was moved.", show_default=False
    ),
]
NameOption = Annotated[str | None, typer.Option(help="Name of the new study.", show_default=False)]


def promote(
    study: Annotated[str, typer.Argument(help="Name of a search, or the folder with its report.", show_default=False)],
    best: Annotated[int, typer.Option(min=1, help="How many of the best trials to retrain.")] = 3,
    seeds: Annotated[int, typer.Option(min=1, help="Number of fresh seeds (not used by the search) per config.")] = 8,
    equal_compute: Annotated[
        bool,
        typer.Option(
            "--equal-compute",
            help="Train the base config longer, so that it uses as much compute as the most expensive of these trials.",
        ),
    ] = False,
    name: NameOption = None,
    data: DataOption = None,
    workers: WorkersOption = None,
    home: HomeOption = RUNS,
    quiet: QuietOption = False,
    json_: JsonOption = False,
) -> None:
    """Retrain a search's best configs on fresh seeds and compare them with the search's base config on the test tasks.

    Writes the spec file HOME/specs/STUDY-promoted.toml (with --equal-compute: STUDY-promoted-equal-compute.toml) and
    runs it.

    Example: mamlab promote demo-search --best 3
    """
    loading(quiet=quiet)
    from ..followup import promote as follow

    place = make_home(home)
    search = _search(study, place, data, json_)
    file, config = follow(search, place, best, seeds, name, equal_compute)
    _run(file, config, place, workers, quiet, json_)


def ablate_winner(
    study: str, trial: int | None, seeds: int | None, name: str | None, data: Path | None, home: Path,
    workers: int | None, quiet: bool, as_json: bool = False,
) -> None:  # fmt: skip
    """Do `mamlab ablate --from STUDY`."""
    from ..followup import ablate_winner as follow

    place = make_home(home)
    file, config = follow(_search(study, place, data, as_json), place, trial, seeds, name)
    _run(file, config, place, workers, quiet, as_json)


def _search(study: str, home: Home, data: Path | None, as_json: bool) -> Searched:
    """Return the search, and print its notes: a missing run may have been the best."""
    from ..followup import read_search
    from ..text import print_notes

    search = read_search(study, home, data)
    print_notes(make_console(stderr=as_json), search.notes)
    return search


def _run(file: Path, config: StudyConfig, home: Home, workers: int | None, quiet: bool, as_json: bool) -> None:
    say(make_console(stderr=as_json), f"Spec file: {file}")
    conduct_study(with_workers(config, workers), home, quiet, as_json=as_json)


def export(
    study: Annotated[str, typer.Argument(help="Name of a study in the home.", show_default=False)],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="New folder for the model.", show_default=False)],
    arm: Annotated[
        str | None, typer.Option(help="Which arm of an ablation (required for an ablation).", show_default=False)
    ] = None,
    trial: Annotated[
        int | None, typer.Option(min=0, help="Which trial of a search. Default: the best one.", show_default=False)
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, help="Which seed. Default: the one with the best validation accuracy.", show_default=False),
    ] = None,
    data: DataOption = None,
    home: HomeOption = RUNS,
) -> None:
    """Export a trained model with a model card to a folder, and log it to its run in MLflow, ready to serve.

    Load it in Python with MAMLClassifier.load.

    Example: mamlab export demo-search model
    """
    loading()
    from ..models.export import RunChoice
    from ..models.export import export as write

    with reading(home) as place:
        write(study, folder, place, make_console(), RunChoice(arm, trial, seed), data)
