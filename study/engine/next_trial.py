"""The next trial of a study: a waiting one from Optuna's queue, or a new one."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Container
from typing import TYPE_CHECKING

from ..spec.config import StudyConfig
from .attributes import LABEL, OURS, REFUSED
from .ended_elsewhere import EndedElsewhere
from .enqueuing import enqueue_missing
from .foreign_trials import is_enqueued, is_ours, rejection
from .sampling import trial_sampler

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial

    from ..stores.optuna_storage import SoleWriter


class TrialQueue:
    """The trials to start: first our waiting ones and, in a search, those enqueued by other tools; then new ones.

    Args:
        study: the Optuna study on `storage`; its sampler is set for each trial.
        superseded: numbers of superseded trials.
        ended_elsewhere: records trials that another tool ended.
        running: numbers of running trials, maintained by the caller.
    """

    def __init__(
        self, study: Study, storage: SoleWriter, config: StudyConfig, data_checksum: str,
        superseded: Collection[int], ended_elsewhere: EndedElsewhere, running: Container[int],
    ) -> None:  # fmt: skip
        self._study, self._storage, self._config, self._checksum = study, storage, config, data_checksum
        self._superseded, self._ended_elsewhere, self._running = superseded, ended_elsewhere, running
        self.enqueued: list[str] = []
        """Names of the configs that this start enqueued, in a search."""
        self._waiting: deque[int] = deque()
        self._started = self._enqueued_elsewhere = 0

    @property
    def planned(self) -> int:
        """Total number of planned trials; 0 for a search limited only by hours."""
        counting = self._started - len(self._superseded)
        if self._config.kind != "search":
            return counting
        trials = self._config.budget.trials
        return max(trials, counting + self._enqueued_elsewhere) if trials else 0

    @property
    def more(self) -> bool:
        """Whether a trial is left to start."""
        trials = self._config.budget.trials
        left = trials is None or self._started - len(self._superseded) < trials
        return bool(self._waiting) or (self._config.kind == "search" and left)

    @property
    def waiting(self) -> list[FrozenTrial]:
        """The waiting trials."""
        return [self._storage.get_trial(trial_id) for trial_id in self._waiting]

    def fill(self) -> None:
        """Enqueue missing planned trials, and list all waiting ones. Raises StudyChanged."""
        self.enqueued += enqueue_missing(self._study, self._config, self._checksum, self._superseded)
        self.list_waiting()

    def list_waiting(self) -> None:
        """Read the waiting trials from the store."""
        searches = self._config.kind == "search"
        every = self._storage.every_trial(self._study._study_id)
        trials = [trial for trial in every if is_ours(trial) or (searches and is_enqueued(trial))]
        self._enqueued_elsewhere = sum(map(is_enqueued, trials))
        self._started = len(trials) - self._enqueued_elsewhere
        self._waiting = deque(
            trial._trial_id for trial in trials if not trial.state.is_finished() and trial.number not in self._running
        )

    def put_first(self, numbers: Container[int]) -> int:
        """Move the waiting trials `numbers` to the front; return how many there are."""
        first = [trial_id for trial_id in self._waiting if self._storage.get_trial_number_from_id(trial_id) in numbers]
        self._waiting = deque([*first, *(trial_id for trial_id in self._waiting if trial_id not in first)])
        return len(first)

    def next(self) -> Trial | None:
        """Start and return the next trial, waiting or new; None if there is none."""
        if self._config.kind == "search" and not self._waiting:
            self._storage.forget()  # another tool may have enqueued a trial
            self.list_waiting()
        while self._waiting:
            if (trial := self._restart(self._waiting.popleft())) is not None:
                return trial
        return self._ask() if self.more else None

    def _ask(self) -> Trial:
        """Return a new trial, marked as ours when it is created."""
        import optuna

        new = optuna.trial.create_trial(state=optuna.trial.TrialState.RUNNING, user_attrs={OURS: True})
        trial_id = self._storage.create_new_trial(self._study._study_id, new)
        self._study.sampler = trial_sampler(self._config, self._storage.get_trial_number_from_id(trial_id))
        self._started += 1
        return self._as_running(trial_id)

    def _restart(self, trial_id: int) -> Trial | None:
        """Start and return a waiting trial; None if another tool has ended it, or it is rejected."""
        import optuna

        number = self._storage.get_trial_number_from_id(trial_id)
        if self._config.kind == "search":
            self._study.sampler = trial_sampler(self._config, number)
        with self._ended_elsewhere.recording(number):
            if not self._accept(self._storage.get_trial(trial_id)):
                return None
            self._storage.set_trial_state_values(trial_id, optuna.trial.TrialState.RUNNING)
        if number in self._ended_elsewhere:
            self.fill()
            return None
        trial = self._as_running(trial_id)
        if LABEL not in trial.user_attrs:
            # Parameters sampled before the driver died are sampled again, so that later ones are reproducible.
            trial._cached_frozen_trial.params, trial._cached_frozen_trial.distributions = {}, {}
        return trial

    def _as_running(self, trial_id: int) -> Trial:
        import optuna

        self._study._thread_local.cached_all_trials = None  # as in Optuna's `ask`: samplers see newly ended trials
        return optuna.trial.Trial(self._study, trial_id)

    def _accept(self, trial: FrozenTrial) -> bool:
        """Whether to run a trial: an enqueued trial of another tool is marked as ours, or ended as rejected."""
        from optuna.trial import TrialState

        if is_ours(trial):
            return True
        self._enqueued_elsewhere -= 1
        if why := rejection(trial, self._config):
            self._storage.set_trial_user_attr(trial._trial_id, REFUSED, why)
            self._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
            return False
        self._storage.set_trial_user_attr(trial._trial_id, OURS, True)
        self._started += 1
        return True
