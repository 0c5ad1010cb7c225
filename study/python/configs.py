"""Presets and data sets by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

import trainers.data
from trainers import presets
from trainers.config import TrainerConfig
from trainers.data import DataConfig
from trainers.data.classes import ClassData
from trainers.error_messages import explain
from trainers.errors import InputError
from trainers.overrides import merge, normalise
from trainers.sections import Section, plain

from ..spec.duplicate_settings import problems_in
from .arguments import make_home


class _Arguments(Section):
    data: DataConfig


def preset(name: str, size: str = "omniglot", **settings: Any) -> TrainerConfig:
    """Return the config that papers call `name`: maml, fomaml, meta_sgd, mamlpp or mamlpp_released.

    Args:
        name: of the preset.
        size: "omniglot" for images of 28 pixels, "mini_imagenet" for 84.
        settings: overrides, such as `budget={"epochs": 5}`, `msl="off"` or `**{"inner.steps": 3}`.

    Preset settings without effect are dropped. Raises InputError for an unknown name, an invalid setting, or one in
    `settings` that has no effect or is set twice.
    """
    if problems := problems_in(settings):
        raise InputError("\n".join(problems))
    settings = plain(settings)
    try:
        return normalise(merge(presets.preset(name, size=size), settings), typed=merge(settings))[0]
    except ValidationError as error:
        raise InputError(explain(error, TrainerConfig)) from None


def load_data(data: DataConfig | Mapping[str, Any] | str, home: Path | str | None = None) -> ClassData:
    """Return a data set: `Glyphs()`, "glyphs", a dict as [data]; it is downloaded or rendered once, into the home.

    Raises DataError if it cannot be used, InputError for an unknown name.
    """
    given: Any = {"source": data} if isinstance(data, str) else data
    if isinstance(given, Mapping) and (problems := problems_in({"data": given})):
        raise InputError("\n".join(problems))
    return trainers.data.load(_Arguments(data=given).data, make_home(home).data)
