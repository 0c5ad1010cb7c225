"""`mamlab method`: whether a method keeps what studies rely on."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trainers.errors import InputError

from .options import RUNS, HomeOption, JsonOption, SetOption, loading, make_console, make_home

if TYPE_CHECKING:
    from trainers.known_method import KnownMethod

method = typer.Typer(help="Check a method of your own.", no_args_is_help=True)
WORDS = {True: "holds", False: "does not hold", None: "not tried"}


@method.callback()
def _several() -> None:
    """Keep `check` a word of its own: a group with one command would be that command."""


@method.command()
def check(
    use: Annotated[
        str, typer.Argument(metavar="METHOD", help='"module:NAME", a registered name, or mamlpp.', show_default=False)
    ],
    set_: SetOption = None,
    data: Annotated[
        str | None, typer.Option(help="glyphs, omniglot, cifar_fs or method. Default: the method's own.")
    ] = None,
    home: HomeOption = RUNS,
    json_: JsonOption = False,
) -> None:
    """Try what studies rely on, on short trainings: equal seeds, resuming, components, divergence.

    Exit status 1 if something does not hold. Example: mamlab method check my_project.methods:METHOD --set epochs=3
    """
    loading("PyTorch", quiet=json_)
    from dataclasses import asdict

    from trainers.find_method import find_method
    from trainers.method_check import check_method

    from ..json_output import print_json

    found = find_method("" if use == "mamlpp" else use)
    place = make_home(home)
    loaded = found.load(_section(found, data), place.data)
    with redirect_stdout(sys.stderr):  # a method may print
        findings = list(check_method(found, _settings(set_ or []), loaded))
    if json_:
        print_json("method check", {"method": use, "findings": [asdict(one) for one in findings]})
    else:
        _print(findings)
    raise typer.Exit(int(any(one.holds is False for one in findings)))


def _settings(given: list[str]) -> dict[str, Any]:
    import tomllib

    from trainers.overrides import merge

    from ..spec.set_options import given_line

    return merge({}, *(tomllib.loads(given_line(text)) for text in given))


def _section(found: KnownMethod, source: str | None) -> Any:
    from pydantic import TypeAdapter, ValidationError

    from trainers.data import DataConfig

    section = {"source": source} if source else getattr(found.own, "data", {"source": "method"})
    try:
        return TypeAdapter[Any](DataConfig).validate_python(section)
    except ValidationError:
        raise InputError(f"--data {source}: must be glyphs, omniglot, cifar_fs or method") from None


def _print(findings: list[Any]) -> None:
    from ..text import plain_table

    table = plain_table("contract", "", "what was seen")
    for one in findings:
        table.add_row(one.name, WORDS[one.holds], one.text)
    make_console().print(table)
