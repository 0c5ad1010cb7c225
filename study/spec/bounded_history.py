"""TPE that models the best and the newest trials of a long search, so that asking for one more stays cheap."""

from __future__ import annotations

import math
from collections.abc import Sequence
from heapq import nlargest
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optuna.samplers import TPESampler
    from optuna.study import Study
    from optuna.trial import FrozenTrial

BEST, NEWEST = 100, 300
"""Trials that are modelled of a search that has more. TPE's good ones are the best 25 at most, all among them."""


def of_bounded_history(tpe: type[TPESampler]) -> type[TPESampler]:
    """Return the class `tpe` that models at most `BEST` + `NEWEST` ended trials, and all that run. What it is given
    fewer of, it treats as `tpe` does, draw for draw.
    """
    import optuna.study
    from optuna.samplers import RandomSampler
    from optuna.samplers._lazy_random_state import LazyRandomState

    class Bounded(tpe):  # type: ignore[misc, valid-type]  # a class of Optuna's, which is imported only when one is made
        _asked_for = -1
        _view: Study
        _built: dict[Any, Any]

        def draw_again(self, seed: int) -> None:
            """Draw with another seed from now on, for the same trial: its models are kept."""
            self._rng, self._random_sampler = LazyRandomState(seed), RandomSampler(seed=seed)

        def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, Any]:
            return super().infer_relative_search_space(self._bounded(study, trial), trial)  # type: ignore[no-any-return]

        def sample_relative(self, study: Study, trial: FrozenTrial, search_space: Any) -> dict[str, Any]:
            return super().sample_relative(self._bounded(study, trial), trial, search_space)  # type: ignore[no-any-return]

        def sample_independent(self, study: Study, trial: FrozenTrial, *asked: Any) -> Any:
            return super().sample_independent(self._bounded(study, trial), trial, *asked)

        def _build_parzen_estimator(self, study: Study, search_space: Any, trials: Any, handle_below: bool) -> Any:
            key = (*search_space, handle_below)
            if key not in self._built:
                self._built[key] = super()._build_parzen_estimator(study, search_space, trials, handle_below)
            return self._built[key]

        def _bounded(self, study: Study, trial: FrozenTrial) -> Study:
            if self._asked_for != trial.number:
                self._asked_for, self._view, self._built = trial.number, _View(study), {}
            return self._view

    class _View(optuna.study.Study):
        """A study as it is at one moment, with the trials that are modelled."""

        def __init__(self, study: Study) -> None:
            self.__dict__.update(study.__dict__)
            minimized = study.direction == optuna.study.StudyDirection.MINIMIZE
            self._chosen = chosen(study._get_trials(deepcopy=False), minimized=minimized)

        def _get_trials(self, deepcopy: bool = True, states: Any = None, use_cache: bool = False) -> list[FrozenTrial]:
            return [trial for trial in self._chosen if states is None or trial.state in states]

    Bounded.__name__ = Bounded.__qualname__ = tpe.__name__  # it is Optuna's to whoever prints it
    return Bounded


def chosen(trials: Sequence[FrozenTrial], *, minimized: bool = False) -> list[FrozenTrial]:
    """Return the trials that are modelled, by number: all that have not ended, and of the ended ones `BEST` and
    `NEWEST`. A complete one is better than a pruned one, and a later pruned one than an earlier, as TPE has it.
    """
    from optuna.trial import TrialState

    told = [trial for trial in trials if trial.state in (TrialState.COMPLETE, TrialState.PRUNED)]
    if len(told) <= BEST + NEWEST:
        return list(trials)
    newest = told[-NEWEST:]
    sign = -1.0 if minimized else 1.0
    best = nlargest(BEST, told[:-NEWEST], key=lambda trial: _rank(trial, sign))
    kept = {trial.number for trial in (*best, *newest)}
    return [trial for trial in trials if trial.number in kept or not trial.state.is_finished()]


def _rank(trial: FrozenTrial, sign: float) -> tuple[float, float]:
    """Return what orders ended trials, the better the higher; `sign` is that of the better values."""
    if trial.value is not None and trial.state.name == "COMPLETE":
        return math.inf, sign * trial.value
    step = trial.last_step
    value = math.nan if step is None else sign * trial.intermediate_values[step]
    return (-math.inf if step is None else float(step)), (-math.inf if math.isnan(value) else value)
