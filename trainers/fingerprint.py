"""The fingerprint of a training: same fingerprint, same numbers."""

from __future__ import annotations

import hashlib
import json

from .config import TrainerConfig
from .sections import POSITIONS, resolve

NUMERICS = 1
"""Increased when float64 results of this package change by more than 1e-9; earlier trainings are then not reused."""

MACHINE = {"device", "tasks_at_once", "compile", "graphs"}
"""Settings that determine where and how fast a training runs, without changing results."""


def same_training(one: TrainerConfig, other: TrainerConfig) -> bool:
    """Return whether two configs describe the same training on any data and seed, even if their positions in time are
    written differently.
    """
    return fingerprint_of(one, 0, "") == fingerprint_of(other, 0, "")


def fingerprint_of(config: TrainerConfig, seed: int, data_checksum: str, trained_by: str = "") -> str:
    """Return the fingerprint of a training: 64 hexadecimal digits.

    SHA-256 of the settings that differ from their defaults, the seed, the data's checksum and `NUMERICS`. If another
    package than this one trains, `trained_by` is included, a text that changes whenever its numbers may change; it is
    empty for `train`. Settings in `MACHINE` are excluded.
    """
    tree = config.model_dump(exclude_defaults=True, exclude=MACHINE)
    for path in POSITIONS:
        component, _, name = path.partition(".")
        if component in tree:
            tree[component][name] = resolve(getattr(getattr(config, component), name), config.budget.epochs)
    identity = {"config": tree, "seed": seed, "data": data_checksum, "numerics": NUMERICS}
    if trained_by:  # left out for our own trainer, so that fingerprints from before this field stay the same
        identity["trained_by"] = trained_by
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
