"""The next trial of a study: one that waits in Optuna's queue, or a new one that is asked for."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Container
from typing import TYPE_CHECKING

from ..spec.config import StudyConfig
from .attributes import LABEL, OURS, REFUSED
from .drawing import trial_sampler
from .enqueuing import enqueue_missing
from .foreign import is_ours, is_wish, misfit
from .taken import TakenTrials

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial

    from ..stores.optuna_storage import SoleWriter


class TrialQueue:
    """What is to be (re)started: trials of ours that wait, and in a search the wishes of others; then new ones.

    Args:
        study: Optuna's, on `storage`; its sampler is set for each trial.
        superseded: numbers of trials that others replace.
        taken: where trials are noted that another tool ended.
        running: numbers of the trials that run now, kept by the caller.
    """

    def __init__(
        self, study: Study, storage: SoleWriter, config: StudyConfig, data_checksum: str,
        superseded: Collection[int], taken: TakenTrials, running: Container[int],
    ) -> None:  # fmt: skip
        self._study, self._storage, self._config, self._checksum = study, storage, config, data_checksum
        self._superseded, self._taken, self._running = superseded, taken, running
        self._waiting: deque[int] = deque()
        self._started = self._wishes = 0

    @property
    def planned(self) -> int:
        """Trials that the study wants in the end; 0 if only hours limit a search."""
        counting = self._started - len(self._superseded)
        if self._config.kind != "search":
            return counting
        trials = self._config.budget.trials
        return max(trials, counting + self._wishes) if trials else 0

    @property
    def more(self) -> bool:
        """Whether a trial is left to start."""
        trials = self._config.budget.trials
        left = trials is None or self._started - len(self._superseded) < trials
        return bool(self._waiting) or (self._config.kind == "search" and left)

    @property
    def waiting(self) -> list[FrozenTrial]:
        """The trials that wait."""
        return [self._storage.get_trial(trial_id) for trial_id in self._waiting]

    def fill(self) -> None:
        """Enqueue what is missing of the plan, and list what waits. Raises StudyChanged."""
        enqueue_missing(self._study, self._config, self._checksum, self._superseded)
        self.list_waiting()

    def list_waiting(self) -> None:
        """List what waits in the store."""
        searches = self._config.kind == "search"
        every = self._storage.every_trial(self._study._study_id)
        trials = [trial for trial in every if is_ours(trial) or (searches and is_wish(trial))]
        self._wishes = sum(map(is_wish, trials))
        self._started = len(trials) - self._wishes
        self._waiting = deque(
            trial._trial_id for trial in trials if not trial.state.is_finished() and trial.number not in self._running
        )

    def put_first(self, numbers: Container[int]) -> int:
        """Let the waiting trials of these `numbers` be the next; return how many they are."""
        first = [trial_id for trial_id in self._waiting if self._storage.get_trial_number_from_id(trial_id) in numbers]
        self._waiting = deque([*first, *(trial_id for trial_id in self._waiting if trial_id not in first)])
        return len(first)

    def next(self) -> Trial | None:
        """Return the next trial, which runs now: one that waits, or a new one; None if there is none to start."""
        if self._config.kind == "search" and not self._waiting:
            self._storage.forget()  # somebody may have wished for something
            self.list_waiting()
        while self._waiting:
            if (trial := self._restart(self._waiting.popleft())) is not None:
                return trial
        return self._ask() if self.more else None

    def _ask(self) -> Trial:
        """Return a new trial, known as ours from the first moment."""
        import optuna

        new = optuna.trial.create_trial(state=optuna.trial.TrialState.RUNNING, user_attrs={OURS: True})
        trial_id = self._storage.create_new_trial(self._study._study_id, new)
        self._study.sampler = trial_sampler(self._config, self._storage.get_trial_number_from_id(trial_id))
        self._started += 1
        return self._as_running(trial_id)

    def _restart(self, trial_id: int) -> Trial | None:
        """Return a waiting trial as one that runs; None if another tool has ended it, or it was a wish that does not
        fit.
        """
        import optuna

        number = self._storage.get_trial_number_from_id(trial_id)
        if self._config.kind == "search":
            self._study.sampler = trial_sampler(self._config, number)
        with self._taken.noticing(number):
            if not self._grant(self._storage.get_trial(trial_id)):
                return None
            self._storage.set_trial_state_values(trial_id, optuna.trial.TrialState.RUNNING)
        if number in self._taken:
            self.fill()
            return None
        trial = self._as_running(trial_id)
        if LABEL not in trial.user_attrs:
            # Parameters drawn before the driver died are drawn again, so that the later ones come out as they would
            # have.
            trial._cached_frozen_trial.params, trial._cached_frozen_trial.distributions = {}, {}
        return trial

    def _as_running(self, trial_id: int) -> Trial:
        import optuna

        self._study._thread_local.cached_all_trials = None  # as Optuna's own `ask`: samplers see what has ended since
        return optuna.trial.Trial(self._study, trial_id)

    def _grant(self, trial: FrozenTrial) -> bool:
        """Make a wish ours, or end it if it does not fit; True for what is to be trained."""
        from optuna.trial import TrialState

        if is_ours(trial):
            return True
        self._wishes -= 1
        if why := misfit(trial, self._config):
            self._storage.set_trial_user_attr(trial._trial_id, REFUSED, why)
            self._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
            return False
        self._storage.set_trial_user_attr(trial._trial_id, OURS, True)
        self._started += 1
        return True
