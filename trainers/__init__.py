"""An exact MAML++ trainer: `train` is a generator of epochs; MAML, FOMAML, Meta-SGD and MAML++ are settings of it.

Names are imported on first use, so reading a config does not load torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .checkpoint import CheckpointFolder
    from .classifier import MAMLClassifier
    from .config import TrainerConfig
    from .divergence import Diverged
    from .exported import ExportedModel, read_model
    from .fingerprint import fingerprint_of
    from .overrides import normalise
    from .presets import preset
    from .results import EpochResult, TrainResult
    from .training import fit, train

_HOME = {
    "CheckpointFolder": "checkpoint",
    "Diverged": "divergence",
    "EpochResult": "results",
    "ExportedModel": "exported",
    "MAMLClassifier": "classifier",
    "TrainResult": "results",
    "TrainerConfig": "config",
    "fingerprint_of": "fingerprint",
    "fit": "training",
    "normalise": "overrides",
    "preset": "presets",
    "read_model": "exported",
    "train": "training",
}

__all__ = [
    "CheckpointFolder",
    "Diverged",
    "EpochResult",
    "ExportedModel",
    "MAMLClassifier",
    "TrainResult",
    "TrainerConfig",
    "fingerprint_of",
    "fit",
    "normalise",
    "preset",
    "read_model",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)
