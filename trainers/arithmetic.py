"""Device, number format and determinism of a training, without touching torch's global settings for anyone else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from .config import TrainerConfig
from .errors import InputError
from .models.kernels import kernels_for


def pick_device(config: TrainerConfig) -> torch.device:
    """Return the device to train on. Raises ValueError for a CUDA device that is not there."""
    if config.device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(config.device)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise InputError(
            f'device = "{config.device}": this machine has {torch.cuda.device_count()} CUDA devices; use device ='
            ' "auto" or "cpu"'
        )
    return device


def pick_dtype(config: TrainerConfig) -> torch.dtype:
    """Return the type of weights and images. Raises ValueError for tf32 without CUDA."""
    if config.precision == "tf32" and pick_device(config).type != "cuda":
        raise InputError('precision = "tf32" is a mode of CUDA devices, and this run is on the CPU; use "float32"')
    return torch.float64 if config.precision == "float64" else torch.float32


def pick_graphs(config: TrainerConfig) -> bool:
    """Return whether to run iterations as CUDA graphs. Raises ValueError if required but unavailable."""
    cuda = pick_device(config).type == "cuda"
    if config.graphs == "on" and not cuda:
        raise InputError('graphs = "on" needs a CUDA device, and this run is on the CPU; use "auto"')
    return cuda and config.graphs != "off"


@contextmanager
def arithmetic(config: TrainerConfig) -> Iterator[None]:
    """Run a block with deterministic convolutions, in TF32 if configured (also for matrix products where convolutions
    use them). `Convolution` itself handles bfloat16.
    """
    device, tf32 = pick_device(config), config.precision == "tf32"
    if device.type != "cuda":
        yield
        return
    products, before = kernels_for(device, config.precision).products, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = tf32 and products
    try:
        with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=tf32):
            yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before
