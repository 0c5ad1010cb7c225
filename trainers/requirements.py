"""Checks, before training, that data and machine meet a config's requirements."""

from __future__ import annotations

from .arithmetic import pick_device, pick_dtype, pick_graphs
from .config import TrainerConfig
from .data import DataError, require
from .data.classes import ClassData


def check(config: TrainerConfig, data: ClassData) -> None:
    """Raise ValueError (DataError if the data are insufficient) if `config` cannot be trained on `data` on this
    machine.
    """
    require(data, config.episodes.ways, config.episodes.shots, config.episodes.queries)
    pick_dtype(config), pick_device(config), pick_graphs(config)
    height, width = data.images.shape[-2:]
    if height != width:
        raise DataError(f"{data.name}: images must be square, not {height} x {width}; resize them")
    check_shape(config, width)


def check_shape(config: TrainerConfig, width: int) -> None:
    """Raise DataError if the network shrinks square images of `width` pixels to nothing."""
    if config.model.downsample == "max_pool" and width >> config.model.blocks == 0:
        raise DataError(
            f"model.blocks = {config.model.blocks} reduces images of {width} pixels to nothing; "
            f'use at most {width.bit_length() - 1} blocks, or model.downsample = "stride"'
        )
