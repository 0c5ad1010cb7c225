"""`mamlab space`: inspect a search space before the first trial."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from .options import RUNS, HomeOption, JsonOption, SpecArgument, loading, make_console, make_home

if TYPE_CHECKING:
    from ..spec.config import StudyConfig

space = typer.Typer(help="Inspect the space of a search before its first trial.", no_args_is_help=True)


@space.command()
def show(spec: SpecArgument, json_: JsonOption = False) -> None:
    """List every searched parameter: its range, when it has no effect, and which presets it includes.

    Example: mamlab space show examples/omniglot_search.toml
    """
    from .space_page import show_space

    show_space(_search(spec), make_console(), json_)


@space.command()
def check(spec: SpecArgument, json_: JsonOption = False, home: HomeOption = RUNS) -> None:
    r"""Sample 200 random configs and report whether all can be trained, their compute, and settings without effect.

    Exit status 2 if some cannot be trained. Also checks the configs in \[study] enqueue, and the data set if it is
    already on this machine.

    Example: mamlab space check examples/omniglot_search.toml
    """
    loading("PyTorch")
    from ..warm_start import warm_started
    from .data_sheet import at_hand
    from .space_page import check_space

    place = make_home(home)
    config = warm_started(_search(spec), place)
    check_space(config, make_console(), json_, at_hand(config.data, place))


def _search(path: Path) -> StudyConfig:
    from ..spec.config import SpecError
    from ..spec.parsing import load_spec

    config = load_spec(path)
    if config.kind != "search":
        raise SpecError(
            [
                f"{path} has no section [space], so there is nothing to search; add one, or name the spec file of a "
                "search"
            ]
        )
    return config
