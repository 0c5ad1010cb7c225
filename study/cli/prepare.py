"""Commands to run before a study: init, plan, data, schema."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import (
    RUNS,
    HomeOption,
    JsonOption,
    SeedOption,
    SetOption,
    SpecArgument,
    WorkersOption,
    loading,
    make_console,
    make_home,
    print_message,
    reading,
)


def plan(
    spec: SpecArgument,
    budget: Annotated[
        str | None, typer.Option(help="Available time, such as 6h or 90m; proposes a design that fits.")
    ] = None,
    sd: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Your estimate of the standard deviation of paired differences over seeds, in percentage points.",
        ),
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option("--from", help="Folder of an earlier report, whose seeds give the standard deviation."),
    ] = None,
    set_: SetOption = None,
    seed: SeedOption = None,
    json_: JsonOption = False,
    workers: WorkersOption = None,
    home: HomeOption = RUNS,
) -> None:
    """Estimate how long a study will take and which effects it can detect, without running it.

    Times a few iterations on this machine. Example: mamlab plan examples/omniglot_ablation.toml --budget 6h
    """
    loading("PyTorch and SciPy")
    from ..spec.set_options import load_given

    config = load_given(spec, set_ or (), seed)
    from ..planning.page import show_plan
    from ..warm_start import warm_started

    with reading(home) as place:
        show_plan(warm_started(config, place), place, make_console(), budget, sd, source, json_, workers)


def init(
    kind: Annotated[
        str,
        typer.Argument(metavar="search|ablation|images|examples", help="What to write.", show_default=False),
    ],
    folder: Annotated[
        Path | None,
        typer.Argument(help="Your pictures, one folder per class. Default: glyphs.", show_default=False),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The file to write. Default: KIND.toml.", show_default=False)] = None,
    skip: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="List of pictures to leave out, from `mamlab data --skip-bad`.", show_default=False
        ),
    ] = None,
    home: HomeOption = RUNS,
) -> None:
    """Write a commented spec file that fits your pictures and this machine, or the example files.

    Example: mamlab init images pictures
    """
    loading("PyTorch")
    from .init import write_init

    write_init(kind, folder, out, make_console(), make_home(home), skip)


def data(
    name: Annotated[
        str | None,
        typer.Argument(
            help="Data set to prepare: a name, a folder with one folder per class, or a spec file. Default: list all "
            "data sets.",
            show_default=False,
        ),
    ] = None,
    skip_bad: Annotated[
        Path | None,
        typer.Option(
            "--skip-bad",
            metavar="FILE",
            help="With a folder: write a list of unreadable pictures to FILE, for \\[data] skip in a spec file.",
            show_default=False,
        ),
    ] = None,
    home: HomeOption = RUNS,
) -> None:
    """List the data sets, prepare one and draw a sheet of its classes, or check a folder of pictures for problems.

    Exit status 1 if a folder has problems.

    Example: mamlab data glyphs
    """
    if name and Path(name).is_dir():
        loading("PyTorch")
        from trainers.data.config import ImageFolder
        from trainers.data.loading_message import loading_message

        print_message(f"{loading_message(ImageFolder(path=Path(name)), Path(name))} ...")
        from .data_folder import folder_page

        raise typer.Exit(folder_page(Path(name), make_home(home), make_console(), skip_bad))
    if skip_bad:
        raise typer.BadParameter("needs a folder of pictures", param_hint="'--skip-bad'")
    from .data_sheet import data_page, data_table

    make_console().print(data_page(name, make_home(home)) if name else data_table(make_home(home)))


def schema() -> None:
    """Print the JSON schema of spec files, with which an editor can complete and check them.

    Example: mamlab schema > mamlab.schema.json
    """
    import json

    from ..spec.schema import spec_schema

    print(json.dumps(spec_schema(), indent=2))
