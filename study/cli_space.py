"""`mamlab space`: look at a search's space before the first trial."""

from __future__ import annotations

from typing import Annotated

import typer

from .cli import RUNS, HomeOption, SpecArgument, _console, _home, _spec, app

space = typer.Typer(help="Look at the space of a search before its first trial.", no_args_is_help=True)
app.add_typer(space, name="space")

JsonOption = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]


@space.command()
def show(spec: SpecArgument, json_: JsonOption = False) -> None:
    """Show every parameter with its range, when it has no effect, and which presets lie in it.

    Example: mamlab space show examples/omniglot_search.toml
    """
    from .space_page import show_space

    show_space(_spec(spec, "search"), _console(), json_)


@space.command()
def check(spec: SpecArgument, json_: JsonOption = False, home: HomeOption = RUNS) -> None:
    r"""Draw 200 random configs: can all be trained, what do they cost, what has no effect? Exit status 2 if some cannot.

    Also reads what \[study] enqueue names. Example: mamlab space check examples/omniglot_search.toml
    """
    from .space_page import check_space
    from .warm_start import warm_started

    check_space(warm_started(_spec(spec, "search"), _home(home)), _console(), json_)
