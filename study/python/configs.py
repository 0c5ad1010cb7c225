"""Presets and data sets by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

import trainers.data
from trainers import presets
from trainers.config import TrainerConfig
from trainers.data import DataConfig
from trainers.data.classes import ClassData
from trainers.error_messages import explain
from trainers.errors import InputError
from trainers.overrides import merge, normalise

from ..spec.sections import SpecFile
from .result import make_home


def preset(name: str, size: str = "omniglot", **settings: Any) -> TrainerConfig:
    """Return the config that papers call `name`: maml, fomaml, meta_sgd, mamlpp or mamlpp_released.

    Args:
        name: of the preset.
        size: "omniglot" for images of 28 pixels, "mini_imagenet" for 84.
        settings: overrides, such as `budget={"epochs": 5}`, `msl="off"` or `**{"inner.steps": 3}`.

    Preset settings without effect are dropped. Raises InputError for an unknown name, an invalid setting, or one in
    `settings` that has no effect.
    """
    try:
        return normalise(merge(presets.preset(name, size=size), settings), typed=merge(settings))[0]
    except ValidationError as error:
        raise InputError(explain(error, TrainerConfig)) from None


def load_data(data: DataConfig | str, home: Path | str | None = None) -> ClassData:
    """Return a data set, such as `Glyphs()` or "glyphs"; it is downloaded or rendered once, into the home.

    Raises DataError if it cannot be used, InputError for an unknown name.
    """
    try:
        config = TypeAdapter[DataConfig](DataConfig).validate_python(
            {"source": data} if isinstance(data, str) else data
        )
    except ValidationError as error:
        raise InputError(explain(error, SpecFile, "data")) from None
    return trainers.data.load(config, make_home(home).data)
