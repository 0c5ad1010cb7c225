"""Trials that a short look stopped, and that go on: which one is next, and how that is kept.

Optuna opens no trial again, so another one with the same parameters takes the stopped one's place, as a retry does. It
has the epochs that were reported, and its training goes on from the checkpoint of the same fingerprint.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..spec.config import StudyConfig
from ..spec.short_look import SHORT_LOOK, look_options
from .attributes import CONTINUED, SUPERSEDED

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial

    from ..stores.optuna_storage import SoleWriter


class Continuation:
    """The trials of one search that go on after a short look; without the pruner `short_look` there are none.

    What goes on is written into the study before anything follows from it, so a driver that dies in between goes on
    with the same trial.

    Args:
        superseded: numbers of trials that others replace; those that go on are added.
    """

    def __init__(self, study: Study, storage: SoleWriter, config: StudyConfig, superseded: set[int]) -> None:
        self._study, self._storage, self._superseded = study, storage, superseded
        self._sign = config.metric.sign
        self._looks = config.pruner is not None and config.pruner.name == SHORT_LOOK
        if self._looks:
            assert config.pruner is not None
            options = look_options(config.pruner, config.method.epochs(config.base))
            self._epochs, self._one_in = options["epochs"], options["one_in"]
            self._write(set(study.user_attrs.get(CONTINUED, ())) - superseded)

    def next(self) -> FrozenTrial | None:
        """Return the stopped trial that goes on next; None if none is to. One does as soon as it is
        among the better 1 in `one_in` of all that were looked at, the best first.
        """
        if not self._looks:
            return None
        seen = [trial for trial in self._storage.get_all_trials(self._study._study_id, deepcopy=False)
                if trial.number not in self._superseded
                and math.isfinite(trial.intermediate_values.get(self._epochs, math.nan))]  # fmt: skip
        ranked = sorted(seen, key=lambda trial: -self._sign * trial.intermediate_values[self._epochs])
        stopped = (trial for trial in ranked[: len(ranked) // self._one_in] if trial.state.name == "PRUNED")
        return next(stopped, None)

    def record(self, number: int) -> None:
        """Note that the trial `number` goes on as another."""
        before = self._study.user_attrs.get(CONTINUED, ())
        self._study.set_user_attr(CONTINUED, sorted({*before, number}))
        self._write({number})

    def _write(self, numbers: set[int]) -> None:
        """Let no trial of these `numbers` count any more."""
        if numbers:
            self._study.set_user_attr(SUPERSEDED, sorted(self._superseded | numbers))
            self._superseded |= numbers  # last: what a store that went away did not take is chosen again
