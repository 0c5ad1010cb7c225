"""The planned runs of a study, and the part of its spec that may not change once it has started."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from trainers.errors import InputError
from trainers.fingerprint import MACHINE
from trainers.inert import Inert
from trainers.method import Config
from trainers.overrides import flatten

from ..spec.config import StudyConfig
from ..spec.renamed import with_new_names
from ..spec.trained_by import without_source
from .attributes import LABEL

SHORT_NAMES = {
    "inner.steps": "S",
    "msl": "msl",
    "msl.schedule": "msl",
    "da": "da",
    "da.first_order_epochs": "da",
    "lslr": "lslr",
    "lslr.granularity": "lslr",
    "ca": "ca",
    "ca.period": "ca",
    "bnwb": "bnwb",
    "inner.lr": "lr",
    "outer.lr": "outer",
    "msl.epochs": "msl-epochs",
}
"""Short names of searched settings in run names, in this order; others follow, named by the last part of their path."""
LABEL_LENGTH = 90
DATA_PATH, CHECKSUM = "data.path", "data_checksum"
"""Keys of the data folder and its checksum among the settings that are frozen when a study starts."""
_FREE = {DATA_PATH, "data.skip", *(f"trainer.{name}" for name in MACHINE)}
"""Settings that may change between two starts, because they do not affect results."""


class StudyChanged(InputError):
    """A study was started again with a change in its spec that is not allowed."""


@dataclass(frozen=True)
class RunPlan:
    """One training of a study, identified by trial and seed; `fingerprint` identifies what is trained."""

    trial: int
    seed: int
    label: str
    config: Config
    dropped: tuple[Inert, ...]
    fingerprint: str
    arm: str | None = None
    preset: str | None = None
    continues: int | None = None
    """Number of the trial whose training this one takes up, after a short look."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """The searched parameters, by dotted path."""

    @property
    def key(self) -> str:
        """The run's name within its study."""
        return f"{self.trial}/{self.seed}"


def planned_runs(config: StudyConfig) -> Iterator[tuple[str | None, int]]:
    """Yield (arm, seed) of an ablation or a single training, seed by seed, so that complete blocks finish first."""
    for seed in config.seeds:
        for arm in config.arms or [None]:
            yield arm, seed


def run_label(config: StudyConfig, arm: str | None, seed: int) -> str:
    """Return the name of a run of an ablation or a single training."""
    return f"{arm or config.study.name} / seed {seed}"


def run_attributes(config: StudyConfig, arm: str | None, seed: int, fingerprint: str) -> dict[str, Any]:
    """Return the user attributes of a trial of an ablation or a single training."""
    return {"arm": arm, "seed": seed, "cell": fingerprint, LABEL: run_label(config, arm, seed)}


def planned_fingerprint(config: StudyConfig, arm: str | None, seed: int, data_checksum: str) -> str:
    """Return the fingerprint of (arm, seed). Raises KeyError for an unknown arm."""
    return config.fingerprint(config.base if arm is None else config.arms[arm][0], seed, data_checksum)


def sampler_seed(study_seed: int, trial: int | str) -> int:
    """Return the sampler seed of one trial (or "TRIAL/ATTEMPT"): the first 4 bytes of a SHA-256 of both arguments."""
    return int.from_bytes(hashlib.sha256(f"{study_seed}/{trial}".encode()).digest()[:4], "big")


def search_label(trial: int, params: Mapping[str, Any], preset: str | None) -> str:
    """Return a trial's name, such as "trial-012 S=5 msl=linear da=12 lr=0.1"."""
    words = [f"trial-{trial:03d}"] + ([preset] if preset else [])
    order = list(SHORT_NAMES)
    for path in sorted(params, key=lambda path: order.index(path) if path in order else len(order)):
        if params[path] != "on":  # implied by the settings that follow
            text = f"{params[path]:.2g}" if isinstance(params[path], float) else str(params[path])
            words.append(f"{SHORT_NAMES.get(path, path.rpartition('.')[2])}={text}")
    label = " ".join(words)
    return label if len(label) <= LABEL_LENGTH else label[: LABEL_LENGTH - 3].rsplit(" ", 1)[0] + " .."


def frozen_json(config: StudyConfig, data_checksum: str) -> str:
    """Return the part that may not change, as JSON."""
    return json.dumps({**config.frozen_part(), "data_checksum": data_checksum}, sort_keys=True)


def refuse_change(study: str, before: str, now: str) -> None:
    """Raise StudyChanged, listing every difference, unless two results of `frozen_json` are equal.

    The data folder may change as long as the checksum is the same.
    """
    old, new = (flatten(with_new_names(json.loads(text))) for text in (before, now))
    changes = [
        f"  {path}: was {old.get(path, 'absent')!r}, is now {new.get(path, 'absent')!r}"
        for path in sorted((old.keys() | new.keys()) - _FREE)
        if old.get(path) != new.get(path)
    ]
    if old.get(CHECKSUM) != new.get(CHECKSUM) and DATA_PATH in new:
        changes.append(
            f"  the data in {new[DATA_PATH]} differs from the data that the study started with, in {old.get(DATA_PATH)}"
        )
    ours, theirs = (str(tree.get("trained_by", "")) for tree in (old, new))
    trust = without_source(ours) == without_source(theirs) and ours != theirs and ", version " in ours
    if changes and trust:
        changes.append(
            "  the method's source has changed, but not its version: if it still gives the same numbers, add"
            " --trust-version; else raise its version and give the study a new name"
        )
    if changes:
        raise StudyChanged(
            f'study "{study}" was started with a different spec:\n' + "\n".join(changes) + "\n"
            "Undo the change, or give the study a new name. You may change [budget] and [execution], and add arms and "
            "seeds"
        )
