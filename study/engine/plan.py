"""The runs of a study as they are planned, and what of a study may not change once it has started."""

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
"""How a run's name calls what is searched, in this order; anything else follows by the last part of its path."""
LABEL_LENGTH = 90
DATA_PATH, CHECKSUM = "data.path", "data_checksum"
"""Where the frozen part has the folder of the data, and what is in it."""
_FREE = {DATA_PATH, "data.skip", *(f"trainer.{name}" for name in MACHINE)}
"""What may differ between two starts of a study: it changes no number."""


class StudyChanged(InputError):
    """A study was started again with another spec, in a part that may not change."""


@dataclass(frozen=True)
class RunPlan:
    """One training of a study: its trial and seed name it, `fingerprint` says what is trained."""

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
    """Yield (arm, seed) of an ablation or a single training: seeds outside, so that blocks finish together."""
    for seed in config.seeds:
        for arm in config.arms or [None]:
            yield arm, seed


def run_label(config: StudyConfig, arm: str | None, seed: int) -> str:
    """Return the name of a run of an ablation or a single training."""
    return f"{arm or config.study.name} / seed {seed}"


def run_attributes(config: StudyConfig, arm: str | None, seed: int, fingerprint: str) -> dict[str, Any]:
    """Return what Optuna's trial of one training of an ablation, or of a single training, is marked with."""
    return {"arm": arm, "seed": seed, "cell": fingerprint, LABEL: run_label(config, arm, seed)}


def planned_fingerprint(config: StudyConfig, arm: str | None, seed: int, data_checksum: str) -> str:
    """Return what is trained of (arm, seed). Raises KeyError for an arm that the spec does not have."""
    return config.fingerprint(config.base if arm is None else config.arms[arm][0], seed, data_checksum)


def sampler_seed(study_seed: int, trial: int | str) -> int:
    """Return the seed of the sampler for one trial (or "TRIAL/ATTEMPT"): the first 4 bytes of a SHA-256 of both
    numbers.
    """
    return int.from_bytes(hashlib.sha256(f"{study_seed}/{trial}".encode()).digest()[:4], "big")


def search_label(trial: int, params: Mapping[str, Any], preset: str | None) -> str:
    """Return a trial's name, such as "trial-012 S=5 msl=linear da=12 lr=0.1"."""
    words = [f"trial-{trial:03d}"] + ([preset] if preset else [])
    order = list(SHORT_NAMES)
    for path in sorted(params, key=lambda path: order.index(path) if path in order else len(order)):
        if params[path] != "on":  # the settings that follow say it
            text = f"{params[path]:.2g}" if isinstance(params[path], float) else str(params[path])
            words.append(f"{SHORT_NAMES.get(path, path.rpartition('.')[2])}={text}")
    label = " ".join(words)
    return label if len(label) <= LABEL_LENGTH else label[: LABEL_LENGTH - 3].rsplit(" ", 1)[0] + " .."


def frozen_json(config: StudyConfig, data_checksum: str) -> str:
    """Return what may not change, as JSON."""
    return json.dumps({**config.frozen_part(), "data_checksum": data_checksum}, sort_keys=True)


def refuse_change(study: str, before: str, now: str) -> None:
    """Raise StudyChanged, naming every difference, unless two results of `frozen_json` are the same.

    The folder of the data may change: the checksum says whether it is the same data.
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
    if changes:
        raise StudyChanged(
            f'study "{study}" was started with a different spec:\n' + "\n".join(changes) + "\n"
            "Undo the change, or give the study a new name. You may change [budget] and [execution], and add arms and "
            "seeds"
        )
