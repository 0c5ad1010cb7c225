"""Searches with samplers that propose new configs, on a surrogate fitted to the table of curves.

A proposed config trains like a recorded one in the same leaf of a random tree: its curves, seen and judged, are real
ones with their noise. Compute is counted for the proposed config itself. No outcome is better than the table's best, so
the surrogate cannot show gains beyond it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import optuna
import pandas as pd
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.model_selection import KFold, cross_val_predict

from study.spec.config import StudyConfig
from study.spec.optuna_parts import make_sampler
from study.spec.sections import Named

from .replaying import GRID, replay
from .rules import Rule
from .table import LENGTH, Curves, Floats

TREES, LEAF = 200, 3
MOST = 500
"""Maximum number of configs of one search."""
TPE = Named(name="tpe")


def encoded(params: Mapping[str, Any], columns: Sequence[str]) -> list[float]:
    """Return a config's params as numbers: learning rates by their logarithm, choices encoded from their letters, -9
    for those that it does not have.
    """
    return [_number(name, params[name]) if name in params else -9.0 for name in columns]


def _number(name: str, value: Any) -> float:
    if isinstance(value, str):
        return float(sum(map(ord, value)) % 97)
    return math.log(value) if name.endswith(".lr") else float(value)


class Surrogate:
    """Predicts how a config trains: like one of the recorded configs that are similar."""

    def __init__(self, curves: Curves) -> None:
        self.curves = curves
        self.columns = sorted(curves.params.columns)
        inputs = np.array([encoded(curves.searched(row), self.columns) for row in range(len(curves))])
        outputs = np.nan_to_num(np.hstack([curves.seen, curves.judged]), nan=0.2)
        forest = ExtraTreesRegressor(TREES, min_samples_leaf=LEAF, random_state=0)
        held_out = cross_val_predict(forest, inputs, outputs, cv=KFold(10, shuffle=True, random_state=0))
        self.errors = [float(np.sqrt(np.mean((held_out - outputs)[:, at] ** 2))) for at in (LENGTH - 1, -1)]
        """Root mean square error on held-out configs (tenfold) for the last epoch, seen and judged."""
        self.explained = [
            1 - e**2 / float(outputs[:, at].var()) for e, at in zip(self.errors, (LENGTH - 1, -1), strict=True)
        ]
        self._forest = forest.fit(inputs, outputs)
        self._leaves = self._forest.apply(inputs)

    def like(self, params: dict[str, Any], draws: np.random.Generator) -> int:
        """Return the recorded config whose training stands for that of `params`."""
        tree = int(draws.integers(TREES))
        row = np.array([encoded(params, self.columns)], np.float32)
        leaf = self._forest.estimators_[tree].apply(row)[0]
        return int(draws.choice(np.flatnonzero(self._leaves[:, tree] == leaf)))


class _Listed(optuna.Study):
    """An Optuna study whose sampler sees the trials in `told`."""

    told: list[optuna.trial.FrozenTrial]

    def _get_trials(self, deepcopy: bool = True, states: Any = None, use_cache: bool = False) -> Any:
        return [trial for trial in self.told if states is None or trial.state in states]


class Search:
    """One search: `order` asks for configs, and what was trained of them is told to the sampler at the next one.

    The recorded configs in the rows `first` come first.
    """

    def __init__(
        self, config: StudyConfig, surrogate: Surrogate, seed: int, *, quasi_random: int = 0, startup: int = 8,
        first: Sequence[int] = (),
    ) -> None:  # fmt: skip
        self._first = first
        self._config, self._surrogate, self._seed = config, surrogate, seed
        self._quasi_random, self._startup = quasi_random, startup
        made = optuna.create_study(direction="maximize")
        self._study = _Listed(made.study_name, made._storage)
        self._params: list[tuple[dict[str, Any], dict[str, Any]]] = []
        self._epochs: list[int] = []
        self._made: dict[tuple[int, int], optuna.trial.FrozenTrial] = {}
        seen, judged, compute = (np.full((MOST, LENGTH), np.nan) for _ in range(3))
        self.curves = Curves(seen, judged, compute, pd.DataFrame())

    def order(self) -> Iterator[int]:
        """Yield new configs."""
        for number in range(MOST):
            self._ask(number)
            yield number

    def run(self, rule: Rule, limit: float) -> Floats:
        """Return `replay` of this search with the stopping rule `rule`."""

        def watched(curves: Curves, order: Any) -> Iterator[tuple[int, int]]:
            for config, epoch in rule(curves, order):
                yield config, epoch
                self._epochs[config] = epoch

        return replay(self.curves, watched, self.order(), limit)

    def _ask(self, number: int) -> None:
        self._study.told = [self._told(config, self._epochs[config]) for config in range(number)]
        self._study.sampler = self._sampler(number)
        trial_id = self._study._storage.create_new_trial(self._study._study_id)
        if number < len(self._first):
            known = self._surrogate.curves.searched(self._first[number])
            self._study._storage.set_trial_system_attr(trial_id, "fixed_params", known)
        trial = optuna.trial.Trial(self._study, trial_id)
        assert self._config.space is not None
        trained, _ = self._config.space.suggest(trial, self._config.base_tree)
        frozen = self._study._storage.get_trial(trial_id)
        self._params.append((frozen.params, frozen.distributions))
        self._epochs.append(0)
        like = self._like(number, frozen.params)
        self.curves.seen[number] = self._surrogate.curves.seen[like]
        self.curves.judged[number] = self._surrogate.curves.judged[like]
        self.curves.compute[number] = [self._config.compute(trained, epoch) for epoch in range(1, LENGTH + 1)]

    def _like(self, number: int, params: dict[str, Any]) -> int:
        """Return the recorded config whose training stands for that of config `number`."""
        if number < len(self._first):
            return self._first[number]
        return self._surrogate.like(params, np.random.default_rng([self._seed, number]))

    def _sampler(self, number: int) -> Any:
        if number < self._quasi_random:
            sampler: Any = make_sampler(Named(name="qmc"), self._seed)
            sampler._find_sample_id = lambda study, space: number
            return sampler
        options = {"n_startup_trials": self._quasi_random or self._startup}
        return make_sampler(TPE.model_copy(update={"options": options}), 1000 * self._seed + number)

    def _told(self, config: int, epochs: int) -> optuna.trial.FrozenTrial:
        if (config, epochs) not in self._made:
            self._made[config, epochs] = self._make(config, epochs)
        return self._made[config, epochs]

    def _make(self, config: int, epochs: int) -> optuna.trial.FrozenTrial:
        """Return the trial of a config that was trained for so many epochs, as the sampler sees it."""
        params, distributions = self._params[config]
        seen = self.curves.seen[config]
        steps = {step: float(seen[step - 1]) for step in range(1, epochs + 1) if not math.isnan(seen[step - 1])}
        states = optuna.trial.TrialState
        state = (
            states.FAIL if len(steps) < epochs or not steps else states.COMPLETE if epochs == LENGTH else states.PRUNED
        )
        told = optuna.trial.create_trial(
            state=state, value=max(steps.values()) if state == states.COMPLETE else None, params=params,
            distributions=distributions, intermediate_values=steps,
        )  # fmt: skip
        told.number = config
        return told


def searches(
    config: StudyConfig, surrogate: Surrogate, rule: Rule, limit: float, repetitions: int, **start: Any
) -> Floats:
    """Return the replays of `repetitions` searches with TPE, [R, GRID]."""
    found = [Search(config, surrogate, seed, **start).run(rule, limit) for seed in range(repetitions)]
    return np.array(found).reshape(repetitions, GRID)
