"""The fingerprint of a training: same fingerprint, same numbers."""

from __future__ import annotations

import hashlib
import json

from .config import TrainerConfig
from .sections import POSITIONS, resolve

NUMERICS = 1
"""Raised when float64 results of this package change by more than 1e-9: old trainings then count as untrained."""

MACHINE = {"device", "tasks_at_once", "compile", "graphs"}
"""Settings that decide where and how fast a training runs, and change no result."""


def same_training(one: TrainerConfig, other: TrainerConfig) -> bool:
    """Whether two configs train the same on any data and seed, however their positions in time are written."""
    return fingerprint_of(one, 0, "") == fingerprint_of(other, 0, "")


def fingerprint_of(config: TrainerConfig, seed: int, data_checksum: str, trained_by: str = "") -> str:
    """Return the identity of one training: 64 hexadecimal digits.

    SHA-256 of the settings that differ from their defaults, the seed, the data's checksum and `NUMERICS`, and of what
    else than this package trains: `trained_by`, a text that differs whenever its numbers may; empty for `train`.
    What `MACHINE` names is no part of it.
    """
    tree = config.model_dump(exclude_defaults=True, exclude=MACHINE)
    for path in POSITIONS:
        component, _, name = path.partition(".")
        if component in tree:
            tree[component][name] = resolve(getattr(getattr(config, component), name), config.budget.epochs)
    identity = {"config": tree, "seed": seed, "data": data_checksum, "numerics": NUMERICS}
    if trained_by:  # left out for ours, so that what was trained before this was a part keeps its fingerprint
        identity["trained_by"] = trained_by
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
