"""Which searched parameters mattered, by two methods with different blind spots.

PED-ANOVA (Watanabe et al., IJCAI 2023, arXiv 2304.10255) asks which parameters tell the best trials from the rest;
Optuna judges a conditional parameter among the trials in which it was active, on the range, scale and steps that it was drawn from. The forest asks whose shuffling
spoils a prediction of the value; a parameter that was not active is a value of its own there ("off").
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import records as names
from ..records import RunRecord
from .distributions import distribution, value_of
from .estimate import accuracy_estimate
from .summary import Search, Trial

FEWEST_TRIALS = 8
REFITS = 8
SHUFFLES = 8
MOST_SAMPLES, MOST_TRIALS = 500, 2000
"""Trials that a tree is grown from and that are shuffled, and those that a forest sees, drawn anew for each refit: more change
the ranking little and take minutes."""

Texts = list[str | None]
Values = list[float | str | None]


@dataclass(frozen=True)
class ParameterImportance:
    """Shares that add up to 1 over parameters; `forest_sd` is the spread over refits of the forest."""

    name: str
    ped_anova: float
    forest: float
    forest_sd: float


@dataclass(frozen=True)
class Importance:
    """Parameters, the most important first; empty where `explanation` says why. `forest_r2` is out of bag.

    `epoch` is None for the trials' final values, else the epoch after which they were compared. `recorded`: PED-ANOVA knows what
    the parameters were drawn from, and need not take it from the trials.
    """

    parameters: tuple[ParameterImportance, ...]
    n_trials: int
    forest_r2: float | None
    quantile: float | None
    explanation: str
    epoch: int | None = None
    recorded: bool = False

    @property
    def title(self) -> str:
        """The heading of its table and figure."""
        return "Parameter importance" if self.epoch is None else f"Parameter importance after epoch {self.epoch}"


def parameter_importance(search: Search) -> Importance:
    """Return the importance of each searched parameter that took at least two values in complete trials.

    Pruned trials are left out: their value was measured after fewer epochs. Deterministic.
    """
    trials = sorted(
        search.complete, key=lambda trial: (math.inf if trial.number is None else trial.number, trial.label)
    )
    texts = {name: [trial.params.get(name) for trial in trials] for name in search.searched}
    columns = {name: values for name in search.searched if len(set(values := _column(texts[name]))) > 1}
    if why := _refusal(trials, columns, search):
        return Importance((), len(trials), None, None, why)
    quantile = max(0.1, min(0.5, 5 / len(trials)))
    anova = _ped_anova(trials, {name: texts[name] for name in columns}, search, quantile)
    forest, spread, r2 = _forest(trials, columns)
    found = [ParameterImportance(name, anova[name], forest[i], spread[i]) for i, name in enumerate(columns)]
    ranked = tuple(sorted(found, key=lambda p: (-p.forest, p.name)))
    recorded = search.space.keys() >= columns.keys()
    return Importance(ranked, len(trials), r2, quantile, _explain(search, columns), recorded=recorded)


def early_importance(search: Search) -> Importance | None:
    """Return the importance for the accuracy reached early, after the last epoch that all complete and pruned trials reached.

    Pruning leaves few complete trials, and alike ones; here every trial counts. None where no trial was pruned, or there are too few.
    """
    trials = [trial for trial in search.trials if trial.state in (names.COMPLETE, names.PRUNED) and trial.value.n]
    if len(trials) == len(search.complete) or len(trials) < FEWEST_TRIALS:
        return None
    epoch = min(_epochs(record) for trial in trials for record in trial.records)
    if epoch < 1:
        return None
    then = tuple(
        replace(
            trial, state=names.COMPLETE, value=accuracy_estimate([_best(record, epoch) for record in trial.records])
        )
        for trial in trials
    )
    found = parameter_importance(replace(search, trials=then))
    many = "1 epoch" if epoch == 1 else f"{epoch} epochs"
    text = (
        f"For the best validation accuracy in the first {many}, which all {len(then)} complete and pruned trials reached: what learns fast, which need "
        "not be what ends best."
    )
    return replace(found, explanation=text, epoch=epoch) if found.parameters else None


def _epochs(record: RunRecord) -> int:
    return max((epoch for epoch, _ in record.curves.get(names.VAL_ACCURACY, ())), default=0)


def _best(record: RunRecord, last: int) -> float:
    return max(value for epoch, value in record.curves[names.VAL_ACCURACY] if epoch <= last)


def _refusal(trials: Sequence[Trial], columns: dict[str, Values], search: Search) -> str:
    if len(trials) < FEWEST_TRIALS:
        return f"Importance needs at least {FEWEST_TRIALS} complete trials, here are {len(trials)} of {len(search.trials)}: give the search more trials."
    if not columns:
        return (
            f"No searched parameter took two values in the {len(trials)} complete trials, so there is nothing to rank."
        )
    if len({trial.value.mean for trial in trials}) == 1:
        return f"All {len(trials)} complete trials have the same value, so no parameter can explain a difference."
    return ""


def _explain(search: Search, columns: dict[str, Values]) -> str:
    text = f"From {len(search.complete)} complete trials; {len(search.trials) - len(search.complete)} others (pruned, diverged, failed) are left out."
    constant = [name for name in search.searched if name not in columns]
    return text + (f" Never varied there, so not ranked: {', '.join(constant)}." if constant else "")


def _column(texts: Texts) -> Values:
    """Return a parameter by trial: numbers if all present values are numbers, else texts; None: not active."""
    try:
        numbers = [None if text is None else float(text) for text in texts]
    except ValueError:
        return list(texts)
    return list(numbers) if all(x is None or math.isfinite(x) for x in numbers) else list(texts)


def _ped_anova(trials: Sequence[Trial], columns: dict[str, Texts], search: Search, quantile: float) -> dict[str, float]:
    import optuna  # seconds of imports that only searches need
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

    spaces = {
        name: distribution([text for text in texts if text is not None], search.space.get(name))
        for name, texts in columns.items()
    }
    loud = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # a line about this study would tear a live table
    study = optuna.create_study(study_name="importance", direction="maximize")
    optuna.logging.set_verbosity(loud)
    for i, trial in enumerate(trials):
        params = {
            name: value_of(text, spaces[name]) for name, texts in columns.items() if (text := texts[i]) is not None
        }
        active = {name: spaces[name] for name in params}
        study.add_trial(optuna.trial.create_trial(params=params, distributions=active, value=trial.value.mean))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a parameter active in a single trial is said to be inaccurate
        evaluator = PedAnovaImportanceEvaluator(target_quantile=quantile)
        found = get_param_importances(study, evaluator=evaluator, params=list(columns), normalize=False)
    return dict(zip(columns, _shares([found[name] for name in columns]), strict=True))


def _shares(values: Sequence[float]) -> list[float]:
    positive = [max(value, 0.0) for value in values]
    total = math.fsum(positive)
    return [value / total if total > 0 else 1 / len(positive) for value in positive]


def _forest(trials: Sequence[Trial], columns: dict[str, Values]) -> tuple[list[float], list[float], float]:
    """Return mean share, its standard deviation over refits, and the mean out-of-bag R2 of the forests."""
    from sklearn.ensemble import RandomForestRegressor

    x = np.column_stack([_encode(values) for values in columns.values()])
    y = np.array([trial.value.mean for trial in trials])
    shares, scores = [], []
    for seed in range(REFITS):
        seen = np.random.default_rng(seed).permutation(len(y))[:MOST_TRIALS]
        sample = MOST_SAMPLES if len(seen) > MOST_SAMPLES else None
        forest = RandomForestRegressor(100, oob_score=True, random_state=seed, max_samples=sample).fit(x[seen], y[seen])
        shares.append(_shares(_losses(forest, x[seen[:MOST_SAMPLES]], y[seen[:MOST_SAMPLES]], seed)))
        scores.append(float(forest.oob_score_))
    stacked = np.array(shares)
    return stacked.mean(axis=0).tolist(), stacked.std(axis=0, ddof=1).tolist(), float(np.mean(scores))


def _losses(forest: Any, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], seed: int) -> list[float]:
    """Return by how much shuffling each column of `x` [trials, parameters] raises the squared error: permutation importance.

    As scikit-learn's permutation_importance but for a factor, which shares do not have. All shuffled copies are predicted at once: a
    forest's predictions cost a hundred calls however few rows they are for.
    """
    generator, columns = np.random.default_rng(seed), x.shape[1]
    copies = np.repeat(x[None], columns * SHUFFLES, axis=0).reshape(columns, SHUFFLES, *x.shape)
    for column, own in enumerate(copies):
        own[:, :, column] = generator.permuted(own[:, :, column], axis=1)
    predicted = forest.predict(copies.reshape(-1, columns)).reshape(columns, SHUFFLES, len(y))
    errors = ((predicted - y) ** 2).mean(axis=(1, 2)) - ((forest.predict(x) - y) ** 2).mean()
    return [float(error) for error in errors]


def _encode(values: Values) -> npt.NDArray[np.float64]:
    """Return `values` as one column: ranks are enough for a tree, and "off" lies below everything else."""
    order: list[float | str] = sorted({value for value in values if value is not None})
    codes = {value: float(code) for code, value in enumerate(order)}
    return np.array([-1.0 if value is None else codes[value] for value in values])
