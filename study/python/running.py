"""Runs studies from Python: errors are exceptions, only progress is printed, and results are returned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict, TypeVar, Unpack

from pydantic import ValidationError
from rich.console import Console

from reports.statistics.declared_test import seeds_needed
from trainers.config import TrainerConfig
from trainers.data import DataConfig
from trainers.error_messages import explain, show
from trainers.errors import InputError, MamlabError
from trainers.sections import Section, plain

from ..display import View, open_view
from ..engine.trusted_version import with_trusted_version
from ..looks import run_to_decision
from ..repair.retrying import retry_failed as set_back
from ..spec.config import SpecError, StudyConfig
from ..spec.families import refuse_underpowered
from ..spec.from_python import study_config
from ..spec.parsing import load_spec
from ..spec.set_options import with_trials
from ..stopping import StopSignals
from ..stores.connect import open_mlflow
from ..stores.home import Home
from ..stores.urls import shown
from ..text import print_notes
from ..warm_start import warm_started
from .arguments import make_home
from .callbacks import Callback, Callbacks, functions
from .result import Result, open_study

S = TypeVar("S", bound=Section)


class StudyPaused(MamlabError):
    """No more runs were started, because the last ones failed with the same error. Progress is saved."""


class RunOptions(TypedDict, total=False):
    """Keywords of `run`, which `search`, `ablate` and `compare` take as well."""

    home: Path | str | None
    workers: int | None
    trials: int | None
    retry_failed: bool
    trust_version: bool
    progress: bool
    callbacks: Callback | Iterable[Callback]
    optuna_url: str | None
    mlflow_url: str | None


def run(
    study: StudyConfig | Path | str,
    *,
    home: Path | str | None = None,
    workers: int | None = None,
    trials: int | None = None,
    retry_failed: bool = False,
    trust_version: bool = False,
    progress: bool = True,
    callbacks: Callback | Iterable[Callback] = (),
    optuna_url: str | None = None,
    mlflow_url: str | None = None,
) -> Result:
    """Start or resume a study, and return its result.

    Workers are separate processes that never import the caller's script, so a script needs no `if __name__ ==
    "__main__"`. The call works in a script, in a notebook and in any thread.

    Args:
        study: a spec file, or a `StudyConfig` (see `study_config`).
        home: folder of all outputs. Default: MAMLAB_HOME, or `runs`.
        workers: number of parallel trainings, instead of [execution] workers.
        trials: number of trials of a search, instead of [budget] trials.
        retry_failed: whether to run again what failed or ran out of memory in an earlier call.
        trust_version: whether to go on with a method whose source has changed, and whose version has not.
        progress: show it on standard error: a live table in a terminal, else a line for each run that ends. False:
            nothing.
        callbacks: called as `callback(progress, run)` after each run that ends. If one raises, the study stops as on
            Ctrl-C, with everything saved, and the exception is raised here.
        optuna_url: Optuna's database, instead of MAMLAB_OPTUNA_URL and the home's stores.toml.
        mlflow_url: MLflow's database or server, instead of MAMLAB_MLFLOW_URL and the home's stores.toml.

    Raises:
        KeyboardInterrupt: on Ctrl-C (a notebook's stop button) or SIGTERM, after the workers have finished their epoch
            and progress is saved; the same call resumes. Outside the main thread, only a callback can stop the study.
        MamlabError: the base class of the following errors, whose messages say what to do.
        StudyPaused: if several runs in a row fail with the same error.
        InputError: for an unusable spec, data set, home or URL (SpecError, DataError, StudyChanged, ...); also a
            ValueError.
        DriverBusy: if another process runs the study.
        WorkersError: if workers cannot be started.
    """
    config = with_limits(read_study(study), workers, trials)
    refuse_underpowered(config)
    called = functions(callbacks)
    place = make_home(home, optuna_url, mlflow_url)
    if retry_failed:
        set_back(place, config.study.name)
    config, stop = prepared(config, place), StopSignals()
    if trust_version:
        config = with_trusted_version(config, place)
    with _view(progress, config, place) as view:
        observer = Callbacks(called, view, stop)
        last = run_to_decision(config, place, observer, stop=stop)
        observer.raise_error()
    if last.interrupted:
        kept = "Progress is saved" if not last.unsaved else f"Not everything is saved: {last.unsaved}"
        raise KeyboardInterrupt(f'study "{config.study.name}" was stopped. {kept}. Repeat the same call to resume.')
    if last.paused:
        raise StudyPaused(
            f"no more runs were started: {last.paused}. Fix the cause, then repeat the same call to train the"
            " remaining runs; retry_failed=True retries the failed ones too"
        )
    return open_study(config.study.name, home=place)


def search(study: StudyConfig | Path | str, **options: Unpack[RunOptions]) -> Result:
    """Run a search as `run` does. Raises SpecError for another kind of study."""
    return run(_of_kind(study, "search"), **options)


def ablate(study: StudyConfig | Path | str, **options: Unpack[RunOptions]) -> Result:
    """Run an ablation as `run` does. Raises SpecError for another kind of study."""
    return run(_of_kind(study, "ablation"), **options)


def compare(
    name: str,
    configs: Mapping[str, TrainerConfig],
    *,
    data: DataConfig | Mapping[str, Any] | str,
    seeds: int | None = None,
    base: str | None = None,
    allow_underpowered: bool = False,
    **options: Unpack[RunOptions],
) -> Result:
    """Train each config on the same seeds, and compare each with the base, paired by seed: an ablation of named arms.

    Args:
        name: of the study; call again with more seeds or more configs to extend it.
        configs: arm -> config, two or more.
        data: such as `Glyphs()`, its name, or the section [data] as a dict.
        seeds: number of seeds per config. Default: enough for 80 % power to detect a large effect (2 standard
            deviations of a paired difference).
        base: the arm that the others are compared with. Default: the first.
        allow_underpowered: run even if the seeds are so few that most such studies would miss a large effect.
        options: as for `run`.

    Raises as `run`.
    """
    if not isinstance(configs, Mapping) or len(configs) < 2:
        raise SpecError([f"configs: must be a dict of at least two names and their configs, not {show(configs)}"])
    if wrong := [name for name in configs if not isinstance(name, str)]:
        raise SpecError([f"configs: the names of configs must be texts, not {show(wrong[0])}"])
    first = base if base is not None else next(iter(configs))
    if not isinstance(first, str) or first not in configs:
        raise SpecError([f"base = {show(first)}: no such config; choose one of: {', '.join(map(str, configs))}"])
    count = seeds_needed(len(configs) - 1) if seeds is None else seeds
    family = {"name": f"against {first}", "base": first}
    section = {"design": "arms", "seeds": count, "base": first, "arms": configs, "families": [family]}
    section["allow_underpowered"] = allow_underpowered
    return run(study_config(name, data=data, trainer=configs[first], ablation=section), **options)


def prepared(config: StudyConfig, home: Home) -> StudyConfig:
    """Create the home's folder and MLflow's store, and return the study with its enqueued configs resolved.

    Raises InputError, StoreUnreachable.
    """
    local = home.mlflow_url.startswith("sqlite")
    try:
        home.root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"--home {home.root} cannot be created: {error.strerror}; name a folder in which you have write permission"
        ) from None
    if local:
        open_mlflow(home)
    return warm_started(config, home)


def with_limits(config: StudyConfig, workers: int | str | None, trials: int | None = None) -> StudyConfig:
    """Return the study with these numbers of workers and trials; None keeps the spec's. Raises SpecError."""
    if trials is not None and config.kind != "search":
        raise SpecError(
            [f"trials = {show(trials)}: only a search has trials, but this is {_called(config)}; leave it out"]
        )
    if trials is not None and trials != config.budget.trials:
        _changed(config.budget, "trials", trials)  # refused by its own name
        config = with_trials(config, trials)
    return replace(config, execution=_changed(config.execution, "workers", workers))


def _changed(section: S, key: str, value: Any) -> S:
    if value is None:
        return section
    try:
        return type(section).model_validate({**section.model_dump(exclude_unset=True), key: plain(value)})
    except ValidationError as error:
        raise SpecError(explain(error, type(section)).splitlines()) from None


def _of_kind(study: StudyConfig | Path | str, kind: str) -> StudyConfig:
    """Return the study. Raises SpecError if it is of another kind."""
    config = read_study(study)
    if config.kind != kind:
        raise SpecError(
            [
                f'study "{config.study.name}" is {_called(config)}; run it with'
                f" mamlab.{config.command.replace('train', 'run')}"
            ]
        )
    return config


def _called(config: StudyConfig) -> str:
    return {"search": "a search", "ablation": "an ablation"}.get(config.kind, "a single training")


def read_study(study: StudyConfig | Path | str) -> StudyConfig:
    """Return the study of a spec file, or a StudyConfig unchanged. Raises SpecError."""
    if isinstance(study, StudyConfig):
        return study
    if isinstance(study, Path | str):
        return load_spec(study)
    raise SpecError(
        [f"study: must be a spec file's path, or a StudyConfig (see mamlab.study_config), not {show(study)}"]
    )


@contextmanager
def _view(progress: bool, config: StudyConfig, home: Home) -> Iterator[View]:
    """Yield the progress view, on standard error."""
    console = Console(stderr=True, force_jupyter=False)
    if progress:
        print_notes(console, notes_on(config, home))
    with open_view(console, quiet=not progress) as view:
        yield view


def notes_on(config: StudyConfig, home: Home) -> list[str]:
    """Return notes to show before the study starts, on its spec and on security."""
    if config.sampler is None or config.sampler.name != "cmaes":
        return [*config.notes]
    return [
        *config.notes,
        (
            f"Optuna's CMA-ES sampler unpickles its state from the store: anyone who can write to"
            f" {shown(home.optuna_url)} can run code here, so use a store that you trust"
        ),
    ]
