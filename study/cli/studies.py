"""Commands that run a study: demo, train, search, ablate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trainers.errors import InputError

from .models import ablate_winner
from .options import (
    RUNS,
    HomeOption,
    JsonOption,
    QuietOption,
    RetryOption,
    SeedOption,
    SetOption,
    SpecArgument,
    TrustOption,
    WorkersOption,
    conduct_study,
    loading,
    make_console,
    make_home,
    with_workers,
)

if TYPE_CHECKING:
    from ..spec.config import StudyConfig

KINDS = {"search": "a search", "ablation": "an ablation", "train": "one training"}


def demo(home: HomeOption = RUNS, workers: WorkersOption = None, quiet: QuietOption = False) -> None:
    """Run a search, an ablation and their reports on a built-in data set. Takes a few minutes.

    Nothing is downloaded. Example: mamlab demo --home runs
    """
    loading(quiet=quiet)
    from .demo import run_demo

    raise typer.Exit(run_demo(make_home(home), make_console(), workers, quiet))


def train(
    spec: Annotated[
        Path | None, typer.Argument(help="A spec file. Without one, give the options below.", show_default=False)
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="maml, fomaml, meta_sgd, mamlpp or mamlpp_released. Default: mamlpp.")
    ] = None,
    data: Annotated[str | None, typer.Option(help="glyphs, omniglot or cifar_fs. Default: glyphs.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Random seed. Default: the spec file's, or 0.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Number of epochs. Default: the preset's.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Any trainer setting; repeatable.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the study. Default: derived from the other options.")
    ] = None,
    home: HomeOption = RUNS,
    quiet: QuietOption = False,
    json_: JsonOption = False,
) -> None:
    """Train one config, from a spec file or from options.

    Example: mamlab train --preset maml --epochs 5 --set inner.steps=3 --set budget.iterations=50
    """
    loading(quiet=quiet)
    from ..spec.quick_spec import quick_spec

    typed = {"--preset": preset, "--data": data, "--epochs": epochs, "--name": name}
    given = {option: value for option, value in typed.items() if value is not None}
    if spec is not None and given:
        raise typer.BadParameter(
            f"cannot be combined with a spec file; set it in {spec}", param_hint=f"'{next(iter(given))}'"
        )
    config = _spec(spec, "train", set_, seed) if spec else quick_spec(preset, data, seed, epochs, set_ or [], name)
    conduct_study(config, make_home(home), quiet, as_json=json_)


def search(
    spec: SpecArgument,
    trials: Annotated[int | None, typer.Option(min=1, help="Number of trials; overrides \\[budget] trials.")] = None,
    set_: SetOption = None,
    seed: SeedOption = None,
    workers: WorkersOption = None,
    retry_failed: RetryOption = False,
    trust_version: TrustOption = False,
    home: HomeOption = RUNS,
    quiet: QuietOption = False,
    json_: JsonOption = False,
) -> None:
    """Search for the best settings. The spec file needs a "space" section.

    Example: mamlab search examples/omniglot_search.toml --trials 40
    """
    loading(quiet=quiet)
    config = _spec(spec, "search", set_, seed)
    from ..python.running import with_limits

    config = with_limits(config, workers, trials)
    conduct_study(config, make_home(home), quiet, retry_failed, json_, trust_version)


def ablate(
    spec: Annotated[Path | None, typer.Argument(help="The spec file (TOML).", show_default=False)] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="STUDY",
            help="Ablate the best trial of this search (its name, or its report's folder), instead of a spec file.",
        ),
    ] = None,
    trial: Annotated[int | None, typer.Option(min=0, help="With --from: this trial instead of the best one.")] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            min=1, help="With --from: seeds per arm. Default: enough to detect a large effect with 80 % power."
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="With --from: name of the new study. Default: STUDY-ablated.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", help="With --from: the folder with its data, if it was moved.", show_default=False
        ),
    ] = None,
    set_: SetOption = None,
    seed: SeedOption = None,
    workers: WorkersOption = None,
    retry_failed: RetryOption = False,
    trust_version: TrustOption = False,
    home: HomeOption = RUNS,
    quiet: QuietOption = False,
    json_: JsonOption = False,
) -> None:
    """Measure what each component adds. Give a spec file with an "ablation" section, or --from a search.

    Example: mamlab ablate examples/omniglot_ablation.toml --workers 2

    Or: mamlab ablate --from demo-search
    """
    loading(quiet=quiet)
    if (spec is None) == (source is None):
        raise typer.BadParameter("name either a spec file, or a search with --from STUDY", param_hint="'SPEC'")
    if spec is None:
        if set_ or seed is not None:
            raise typer.BadParameter(
                "cannot be combined with --from, which uses the settings of the search's best trial",
                param_hint="'--set'" if set_ else "'--seed'",
            )
        if retry_failed:
            raise typer.BadParameter(
                "cannot be combined with --from; give the spec file that it wrote to HOME/specs instead",
                param_hint="'--retry-failed'",
            )
        ablate_winner(str(source), trial, seeds, name, data, home, workers, quiet, json_)
        return
    for option, value in (("--trial", trial), ("--seeds", seeds), ("--name", name), ("--data", data)):
        if value is not None:
            raise typer.BadParameter(f"cannot be combined with a spec file; set it in {spec}", param_hint=f"'{option}'")
    config = _spec(spec, "ablation", set_, seed)
    from ..spec.families import refuse_underpowered

    refuse_underpowered(config)
    conduct_study(with_workers(config, workers), make_home(home), quiet, retry_failed, json_, trust_version)


def _spec(path: Path, kind: str, settings: list[str] | None = None, seed: int | None = None) -> StudyConfig:
    from ..spec.set_options import load_given

    config = load_given(path, settings or (), seed)
    if config.kind != kind:
        raise InputError(f"{path} describes {KINDS[config.kind]}; run it with: mamlab {config.command} {path}")
    return config
