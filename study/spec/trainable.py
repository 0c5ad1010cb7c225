"""Checks before training whether every config of a study fits its data and this machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from search_spaces.dimensions import Range
from search_spaces.trials import FixedParams, Trial
from trainers.arithmetic import pick_device, pick_dtype, pick_graphs
from trainers.config import TrainerConfig
from trainers.data import DataError, OwnData, require_classes, require_images
from trainers.data.classes import ClassData
from trainers.errors import InputError
from trainers.method import Config
from trainers.overrides import merge, normalise, settings
from trainers.requirements import check, check_shape

from .config import SpecError, StudyConfig

POINTS = 200
"""Number of random configs of a search space that are checked, besides the largest one."""


SIZES = ("episodes.ways", "episodes.shots", "episodes.queries", "model.blocks")
"""Settings that the data must satisfy: task sizes, and blocks that the image size allows."""


@dataclass(frozen=True)
class Requirement:
    """One requirement on the data: the settings that determine it, its size in a config, and the check."""

    paths: tuple[str, ...]
    size: Callable[[TrainerConfig], int]
    check: Callable[[TrainerConfig], None]

    def why_not(self, config: TrainerConfig) -> str:
        """Return why the data does not meet the requirement of `config`; empty if it does."""
        try:
            self.check(config)
        except DataError as error:
            return str(error)
        return ""


def _requirements(config: StudyConfig, data: ClassData | None) -> list[Requirement]:
    if not config.method.is_mamlpp or isinstance(config.data, OwnData):
        return []
    width = config.data.image_shape[1] if data is None else int(data.images.shape[-1])
    blocks = Requirement(SIZES[3:], lambda one: one.model.blocks, lambda one: check_shape(one, width))
    if data is None:
        return [blocks]
    return [
        Requirement(SIZES[:1], lambda one: one.episodes.ways, lambda one: require_classes(data, one.episodes.ways)),
        Requirement(
            SIZES[1:3],
            lambda one: one.episodes.shots + one.episodes.queries,
            lambda one: require_images(data, one.episodes.shots, one.episodes.queries),
        ),
        blocks,
    ]


class LargestParams(FixedParams):
    """A trial that always suggests the value that requires the most data."""

    def __init__(self) -> None:
        super().__init__({})

    def suggest_float(self, name: str, low: float, high: float, **_: Any) -> float:
        """Return the upper end."""
        return high

    def suggest_int(self, name: str, low: int, high: int, **_: Any) -> int:
        """Return the upper end, or the last step below it."""
        step = int(_.get("step", 1))
        return low + (high - low) // step * step

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        """Return the largest number; for strings, the one that shrinks images most, or the first."""
        numbers = [choice for choice in choices if isinstance(choice, int | float)]
        return max(numbers) if numbers else "max_pool" if "max_pool" in choices else choices[0]


def refuse_untrainable(config: StudyConfig, data: ClassData) -> None:
    """Raise DataError for an arm, or SpecError for a space, with configs that cannot be trained on `data` here."""
    if not config.method.is_mamlpp:
        return
    if config.space is not None:
        pick_dtype(config.base), pick_device(config.base), pick_graphs(config.base)
        if problems := space_problems(config, data):
            raise SpecError(problems)
        return
    for name, (one, _) in (config.arms or {"": (config.base, ())}).items():
        try:
            check(one, data)
        except InputError as error:
            raise type(error)(f'arm "{name}": {error}' if name else str(error)) from None


def space_problems(config: StudyConfig, data: ClassData | None) -> list[str]:
    """Return one line for each requirement of the space that `data` does not meet (None: only the image size)."""
    largest, *random = _drawn(config)
    problems = []
    for need in _requirements(config, data):
        failing = [(need.size(one), why) for one in random if (why := need.why_not(one))]
        if worst := need.why_not(largest) or max(failing, default=(0, ""))[1]:
            count = f"{len(failing)} of {POINTS} random configs" if failing else "its largest config"
            problems.append(f"{_where(need, config)}: {count} cannot be trained: {worst}")
    return problems


def _drawn(config: StudyConfig) -> list[TrainerConfig]:
    """Return the largest config of a space and random ones, without invalid ones and those above max_compute."""
    assert config.space is not None
    most, found = config.space.max_compute, list[TrainerConfig]()
    draws: list[Trial] = [LargestParams(), *config.space.draws(POINTS)]
    for draw in draws:
        try:
            one = config.space.suggest(draw, config.base_tree)[0]
        except (InputError, ValidationError):  # `mamlab space check` reports these
            continue
        if most is None or config.compute(one) <= most:
            found.append(one)
    return found or [config.base]


def _where(need: Requirement, config: StudyConfig) -> str:
    """Return the setting in the spec file that determines the requirement."""
    assert config.space is not None
    searched = [path for path in need.paths if path in config.space.dimensions]
    return " and ".join(f"space.{path}" for path in searched) or f"trainer.{need.paths[0]}"


def started_from(config: StudyConfig) -> Config:
    """Return a search's base config with task and network sizes clipped to the space.

    The space may search them because the base's own sizes do not fit the data.
    """
    if config.space is None or not config.method.is_mamlpp:
        return config.base
    values, tree = settings(config.base), config.base_tree
    for path in SIZES:
        ends = config.space.dimensions.get(path)
        if isinstance(ends, Range) and not ends.contains(values[path]):
            tree = merge(tree, {path: min(max(values[path], ends.low), ends.high)})
    return normalise(tree)[0]
