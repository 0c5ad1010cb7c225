"""Reads and checks a whole spec file or text before anything runs."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from reports.data.text_files import TextError, read_text
from reports.statistics.tasks import mixed_tasks
from search_spaces.space import SearchSpace
from trainers.data import ImageFolder
from trainers.error_messages import explain, nearest, show
from trainers.errors import InputError
from trainers.find_method import also_from
from trainers.overrides import Tree, flatten, merge
from trainers.paths import expanded, moved_to

from .ablation_arms import compiled_ablation
from .config import SpecError, StudyConfig
from .duplicate_settings import problems_of
from .enqueued import with_enqueued
from .method_section import read_method
from .optuna_parts import WILCOXON, make_pruner, make_sampler, unsampled
from .renamed import renamed_settings, with_new_names
from .rungs import late_rungs
from .sections import Named, SpecFile
from .seed_groups import FEWEST_SEEDS
from .trained_by import trained_by_method
from .trainer_section import Trainer, read_trainer

T = TypeVar("T")
MOST_SAMPLER_SEED = 2**32 - 1
"""The largest seed that Optuna's samplers take."""


def load_spec(path: Path | str) -> StudyConfig:
    """Read the spec file at `path`. Raises SpecError with everything that is wrong with it."""
    if not isinstance(path, Path | str):
        raise SpecError([f"path: must be a spec file's path, as a text or a Path, not {show(path)}"])
    path = expanded(Path(path))
    text = spec_text(path)
    also_from(path.absolute().parent)
    try:
        return beside(path.absolute().parent, parse_spec(text))
    except SpecError as error:
        raise SpecError(error.problems, path) from None


def spec_text(path: Path) -> str:
    """Return the text of the spec file at `path`. Raises SpecError if it cannot be read or sets something twice."""
    if path.is_dir():
        raise SpecError([f"{path} is a folder; name the spec file in it"])
    if not path.is_file():
        similar = nearest(
            path.name, [p.name for p in sorted(path.parent.glob("*.toml"))] if path.parent.is_dir() else []
        )
        raise SpecError([f"{path}: no such file" + (f"; did you mean {path.parent / similar}?" if similar else "")])
    try:
        text = read_text(path)
    except TextError as error:
        raise SpecError([str(error)]) from None
    if problems := problems_of(text):
        raise SpecError(problems, path)
    return text


def beside(folder: Path, spec: StudyConfig) -> StudyConfig:
    """Return the spec of a file in `folder`: relative data paths not in the working folder are resolved there."""
    data = spec.data
    if isinstance(data, ImageFolder):
        away = {name: moved_to(folder, place) for name, place in data.places.items() if not place.exists()}
        data = data.model_copy(update={name: there for name, there in away.items() if there.exists()})
    return replace(spec, folder=folder, data=data)


def parse_spec(text: str, started: bool = False) -> StudyConfig:
    """Return the study that the TOML `text` describes.

    With `started`, it is the stored spec of a study, which may use setting names of earlier versions.
    Raises SpecError with everything that is wrong with it.
    """
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SpecError([f"not valid TOML: {error}"]) from None
    except RecursionError:
        raise SpecError(["its tables or lists are nested too deeply; a spec needs only three levels"]) from None
    if started:
        tree = with_new_names(tree)
    if renamed := renamed_settings(tree):
        raise SpecError(renamed)
    problems = _unused(tree)
    spec = _caught(problems, lambda: SpecFile.model_validate(tree))
    method, trainer = _caught(problems, lambda: read_method(tree)), None
    if method is None:
        raise SpecError(problems)
    if isinstance(tree.get("trainer", {}), dict):
        trainer = _caught(problems, lambda: read_trainer(tree, method))
    table = tree.get("space")
    space = _caught(problems, lambda: SearchSpace.from_table(table, method)) if isinstance(table, dict) else None
    if problems or spec is None or trainer is None:
        raise SpecError(problems)
    common: Tree = {
        "study": spec.study,
        "data": spec.data,
        "budget": spec.budget,
        "execution": spec.execution,
        "spec_text": text,
        "method": method,
        "trained_by": trained_by_method(method),
    }
    if space is not None:
        return _search(spec, trainer, space, common)
    if spec.ablation is not None:
        return compiled_ablation(spec.ablation, trainer, common)
    return StudyConfig(**common, kind="train", base_tree=trainer.tree, base=trainer.config, dropped=trainer.dropped)


_SEARCH_ONLY = (
    "sampler", "pruner", "study.enqueue", "study.seeds_per_trial", "study.score", "study.test", "study.finalists",
    "budget.trials",
)  # fmt: skip


def _unused(tree: Tree) -> list[str]:
    """Return one line for each key that this kind of study does not use."""
    if "space" in tree and "ablation" in tree:
        return ["[space] makes it a search and [ablation] an ablation, but a study is only one of them; leave one out"]
    if "space" in tree:
        return []
    kind = "an ablation" if "ablation" in tree else "a file without [space]"
    present = set(flatten(tree)) | set(tree)
    return [
        f"{path}: only a search uses this, but this is {kind}; leave it out" for path in _SEARCH_ONLY if path in present
    ]


def _caught(problems: list[str], read: Callable[[], T]) -> T | None:
    """Return what `read` returns; its errors are added to `problems`."""
    try:
        return read()
    except ValidationError as error:
        problems += explain(error, SpecFile).splitlines()
    except InputError as error:
        problems += str(error).splitlines()
    return None


def _search(spec: SpecFile, trainer: Trainer, space: SearchSpace, common: Tree) -> StudyConfig:
    problems: list[str] = []
    searched = flatten(trainer.typed).keys() & space.dimensions.keys()
    if not spec.study.enqueue:
        problems += [
            f"trainer.{path}: the space searches {path}, so this value is never used; "
            "leave out one of the two, or fix it under [space.fix]"
            for path in sorted(searched)
        ]
    base_tree = merge(trainer.tree, space.fixed)
    narrowed = _caught(problems, lambda: space.fit(base_tree))
    sampler, pruner = spec.sampler or Named(name="tpe"), spec.pruner or _default_pruner(spec)
    if not spec.budget.ends:
        problems.append("budget: a search needs a limit; write trials = ... or hours = ... under [budget]")
    problems += _pruner_and_seeds(pruner, spec.study.seeds_per_trial)
    if (seed := spec.study.seed) > MOST_SAMPLER_SEED:
        problems.append(
            f"study.seed: must be at most {MOST_SAMPLER_SEED} (2**32 - 1) for a search's sampler, not {seed}"
        )
    _caught(problems, lambda: make_sampler(sampler, min(seed, MOST_SAMPLER_SEED)))
    _caught(problems, lambda: make_pruner(pruner, trainer.method.epochs(trainer.config)))
    if narrowed is not None:
        problems += unsampled(sampler, narrowed.dimensions)
        problems += [f"trainer.{inert.message}" for inert in narrowed.never_used(base_tree, trainer.typed)]
    if problems or narrowed is None:
        raise SpecError(problems)
    if space.max_compute is not None and not trainer.method.counts_flops:
        raise SpecError([f"space.max_compute: {trainer.method.name} counts no operations; leave it out"])
    if "finalists" in spec.study.model_fields_set and not trainer.method.is_mamlpp:
        raise SpecError([f"study.finalists: {trainer.method.name} has no held-out validation tasks; leave it out"])
    base, dropped = trainer.method.normalise(base_tree)
    notes: tuple[str, ...] = (mixed,) if (mixed := mixed_tasks(narrowed.dimensions)) else ()
    notes += _late_rungs(pruner, trainer.method.epochs(base))
    found = StudyConfig(
        **common, kind="search", base_tree=base_tree, base=base, dropped=dropped, space=narrowed, sampler=sampler,
        pruner=pruner, notes=notes, typed=trainer.typed, size=trainer.size,
    )  # fmt: skip
    if problems := _beyond_max_compute(found):
        raise SpecError(problems)
    return with_enqueued(found)


def _beyond_max_compute(config: StudyConfig) -> list[str]:
    """Return an error if 200 random configs all exceed `space.max_compute`."""
    assert config.space is not None
    if config.space.max_compute is None:
        return []
    least = min(config.compute(one) for one, _ in config.space.samples(config.base_tree, 200))
    if least > config.space.max_compute:
        return [
            f"space.max_compute = {config.space.max_compute:g}: the cheapest of 200 random configs needs {least:.3g}"
            " times the base's compute; raise the limit, or widen the space towards cheaper configs"
        ]
    return []


def _default_pruner(spec: SpecFile) -> Named:
    """Return what stops trials by default. It depends on nothing in [budget], which may change when a pruner may not.

    One seed a trial: successive halving, which spends least on bad trials. From 5 seeds on: Wilcoxon's test, seed by
        seed.
    """
    seeds = spec.study.seeds_per_trial
    return Named(name="successive_halving" if seeds == 1 else WILCOXON if seeds >= FEWEST_SEEDS else "none")


def _late_rungs(pruner: Named, epochs: int) -> tuple[str, ...]:
    if not (late := late_rungs(pruner, epochs)):
        return ()
    after = ", ".join(map(str, late))
    return (
        (
            f"pruner: {pruner.name} also stops trials after epoch {after} of {epochs}, when more than half of the"
            " training is done; leave out min_resource and min_early_stopping_rate for rungs up to half"
        ),
    )


def _pruner_and_seeds(pruner: Named, seeds: int) -> list[str]:
    if pruner.name == WILCOXON and seeds < FEWEST_SEEDS:
        return [
            f"pruner.name: {WILCOXON} compares seeds, which needs study.seeds_per_trial of at least {FEWEST_SEEDS}, not"
            f" {seeds}; "
            f'raise it, or choose a pruner that compares epochs ("successive_halving", "median", ...)'
        ]
    if pruner.name not in ("none", WILCOXON) and seeds > 1:
        others = f'choose "{WILCOXON}"' if seeds >= FEWEST_SEEDS else 'choose "none"'
        return [
            f"pruner.name: {pruner.name} compares epochs, which needs study.seeds_per_trial = 1, not {seeds}; "
            f"set it to 1, or {others}"
        ]
    return []
