"""TrainerConfig: what a MAML++ training is, one frozen and validated tree of settings.

A `TrainerConfig` never holds a setting without effect: typed in, such a setting is an error;
`trainers.overrides.normalise` drops it instead and says so.
"""

from __future__ import annotations

from typing import Any

from pydantic import model_validator

from .errors import InputError
from .inert import inert_settings
from .sections import Settings


class TrainerConfig(Settings):
    """Everything that determines a training's numbers except the seed, the data and the machine.

    The defaults are plain second-order MAML with the sizes of the released Omniglot configs; see
    `trainers.presets` for named configs. Raises InputError, naming the setting and for an unknown one the nearest name,
    for a wrong or unknown setting and for one that can have no effect beside the others.
    """

    @model_validator(mode="after")
    def _refuse_inert(self, info: Any) -> TrainerConfig:

        if not (info.context or {}).get("keep_inert"):
            for inert in inert_settings(self):
                raise InputError(inert.message)
        return self
