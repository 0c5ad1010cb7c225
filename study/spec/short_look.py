"""Pruner `short_look`: trains every trial briefly, then continues the best (Egele et al. 2024, arXiv 2404.04111)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .sections import Named

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.study import Study
    from optuna.trial import FrozenTrial

SHORT_LOOK = "short_look"
ONE_IN = 6
"""One in this many trials is continued."""


def look_options(section: Named, epochs: int) -> dict[str, Any]:
    """Return the pruner's options for runs of `epochs` epochs: the spec's, with defaults."""
    return {"epochs": max(1, epochs // 9), "one_in": ONE_IN} | section.options


def short_look() -> type[BasePruner]:
    """Return the pruner class. It stops every trial after `epochs` epochs; `study.engine.continuation` then continues
    the best as new trials.
    """
    import optuna.pruners

    class ShortLook(optuna.pruners.BasePruner):
        def __init__(self, epochs: int = 1, one_in: int = ONE_IN) -> None:
            for name, value, least in (("epochs", epochs, 1), ("one_in", one_in, 2)):
                if value < least:
                    raise ValueError(f"{name} must be at least {least}, not {value}")
            self._epochs = epochs

        def prune(self, study: Study, trial: FrozenTrial) -> bool:
            return trial.last_step == self._epochs

    ShortLook.__qualname__ = ShortLook.__name__
    return ShortLook
