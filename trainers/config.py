"""TrainerConfig: the settings of a MAML++ training, as one frozen and validated tree.

A `TrainerConfig` never contains a setting without effect: if a user sets one, it is an error;
`trainers.overrides.normalise` drops it instead and reports it.
"""

from __future__ import annotations

from typing import Any

from pydantic import model_validator

from .errors import InputError
from .inert import inert_settings
from .sections import Settings


class TrainerConfig(Settings):
    """Everything that determines a training's numbers except the seed, the data and the machine.

    The defaults are plain second-order MAML with the sizes of the released Omniglot configs; see `trainers.presets` for
    named configs. Raises InputError for an invalid setting, an unknown one (with the nearest name), and one that has no
    effect in combination with the others.
    """

    @model_validator(mode="after")
    def _refuse_inert(self, info: Any) -> TrainerConfig:

        if not (info.context or {}).get("keep_inert"):
            for inert in inert_settings(self):
                raise InputError(inert.message)
        return self
