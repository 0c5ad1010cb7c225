"""TPE with a bounded history: it models only the best and newest trials, so that `ask` stays fast in a long search."""

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
"""How many ended trials are modelled. They include TPE's good ones, which are at most the best 25."""


def of_bounded_history(tpe: type[TPESampler]) -> type[TPESampler]:
    """Return a class `tpe` that models all running trials and at most `BEST` + `NEWEST` ended ones.

    With fewer trials it samples exactly as `tpe`.
    """
    import optuna.study
    from optuna.samplers import RandomSampler
    from optuna.samplers._lazy_random_state import LazyRandomState

    class Bounded(tpe):  # type: ignore[misc, valid-type]  # a class of Optuna's, which is imported only when one is made
        _asked_for = -1
        _view: Study
        _built: dict[Any, Any]

        def draw_again(self, seed: int) -> None:
            """Sample with another seed from now on, for the same trial and with the same models."""
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
        """A snapshot of a study with the modelled trials."""

        def __init__(self, study: Study) -> None:
            self.__dict__.update(object.__getattribute__(study, "__dict__"))  # hyperband's study hides it
            minimized = study.direction == optuna.study.StudyDirection.MINIMIZE
            self._chosen = chosen(study._get_trials(deepcopy=False), minimized=minimized)

        def _get_trials(self, deepcopy: bool = True, states: Any = None, use_cache: bool = False) -> list[FrozenTrial]:
            return [trial for trial in self._chosen if states is None or trial.state in states]

    Bounded.__name__ = Bounded.__qualname__ = tpe.__name__  # shown as Optuna's class
    return Bounded


def chosen(trials: Sequence[FrozenTrial], *, minimized: bool = False) -> list[FrozenTrial]:
    """Return the modelled trials by number: all unfinished ones, and the `BEST` and `NEWEST` ended ones.

    As in TPE, complete trials rank above pruned ones, and pruned ones by their last step.
    """
    from optuna.trial import TrialState

    ended = [trial for trial in trials if trial.state in (TrialState.COMPLETE, TrialState.PRUNED)]
    if len(ended) <= BEST + NEWEST:
        return list(trials)
    newest = ended[-NEWEST:]
    sign = -1.0 if minimized else 1.0
    best = nlargest(BEST, ended[:-NEWEST], key=lambda trial: _rank(trial, sign))
    kept = {trial.number for trial in (*best, *newest)}
    return [trial for trial in trials if trial.number in kept or not trial.state.is_finished()]


def _rank(trial: FrozenTrial, sign: float) -> tuple[float, float]:
    """Sort key of ended trials, higher is better; `sign` is -1 if lower values are better."""
    if trial.value is not None and trial.state.name == "COMPLETE":
        return math.inf, sign * trial.value
    step = trial.last_step
    value = math.nan if step is None else sign * trial.intermediate_values[step]
    return (-math.inf if step is None else float(step)), (-math.inf if math.isnan(value) else value)
