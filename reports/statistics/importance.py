"""Importance of searched parameters, by two methods with different blind spots.

PED-ANOVA (Watanabe et al., IJCAI 2023, arXiv 2304.10255) measures which parameters distinguish the best trials from the
rest. The forest measures out-of-bag permutation importance. A component is shuffled together with its settings, because
they reveal whether it is on; the settings are ranked separately among the trials in which it is on. If the forest
predicts worse than the mean, nothing is ranked.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

from .. import records as names
from ..metric import Metric
from ..records import RunRecord
from .distributions import distribution, value_of
from .estimate import alike, metric_estimate
from .forest import Values, forest_importance, forest_r2, shares_of
from .summary import Search
from .trial import Trial

FEWEST_TRIALS = 8
LEAST_GAIN = 0.02
"""Settings of a component are ranked if they raise the forest's R2 by at least this much."""
UNRANKED = "Settings that hardly improve the forest, or are active in too few trials, are not ranked: those of"
WORSE = "The forest predicts worse than the mean (out-of-bag R² {}), so nothing is ranked."

Texts = list[str | None]


@dataclass(frozen=True)
class ParameterImportance:
    """Shares that sum to 1 over parameters; `forest_sd` is the standard deviation over refits of the forest.

    `settings` of a component were shuffled with it.
    """

    name: str
    ped_anova: float
    forest: float
    forest_sd: float
    settings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Importance:
    """Parameters, most important first; if empty, `explanation` says why. `forest_r2` is out of bag.

    `epoch` is None for the trials' final values, else the epoch after which they were compared. `recorded`: PED-ANOVA
    uses the recorded search space instead of an estimate from the trials. `component` is the component whose settings
    these are, "" for all searched parameters; `inside` has the settings of each component.
    """

    parameters: tuple[ParameterImportance, ...]
    n_trials: int
    forest_r2: float | None
    quantile: float | None
    explanation: str
    epoch: int | None = None
    recorded: bool = False
    component: str = ""
    inside: tuple[Importance, ...] = ()

    @property
    def title(self) -> str:
        """Heading of the table and the figure."""
        what = f"Settings of {self.component}" if self.component else "Parameter importance"
        return what if self.epoch is None else f"{what} after epoch {self.epoch}"


def importances(search: Search) -> tuple[Importance, ...]:
    """Return the importance for the trials' final values, and for early ones where that is known."""
    early = early_importance(search)
    return (parameter_importance(search), *([early] if early else []))


def parameter_importance(search: Search) -> Importance:
    """Return the importance of each searched parameter or component with at least two values in complete trials.

    Pruned trials are left out, because their value was measured after fewer epochs. Deterministic.
    """
    trials = sorted(
        search.complete, key=lambda trial: (math.inf if trial.number is None else trial.number, trial.label)
    )
    columns = _columns(trials, search.searched)
    if why := _refusal(trials, columns, search):
        return Importance((), len(trials), None, None, why)
    groups = _groups(list(columns))
    found = _ranked(trials, columns, groups, search, _explain(search, columns))
    if not found.parameters:
        return found
    inside = tuple(
        _inside(trials, component, members[1:], search) for component, members in groups.items() if members[1:]
    )
    unranked = [one.component for one in inside if not one.parameters]
    text = f"{found.explanation} {UNRANKED} {', '.join(unranked)}." if unranked else found.explanation
    return replace(found, inside=tuple(one for one in inside if one.parameters), explanation=text)


def _columns(trials: Sequence[Trial], searched: Sequence[str]) -> dict[str, Values]:
    """Return the values by trial of each parameter that varies."""
    every = {name: _column([trial.params.get(name) for trial in trials]) for name in searched}
    return {name: values for name, values in every.items() if len(set(values)) > 1}


def _groups(names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the groups to shuffle, by first member: a component with its settings ("lslr", "lslr.granularity")."""
    components = {name: [n for n in names if n.startswith(f"{name}.")] for name in names}
    members = {setting for settings in components.values() for setting in settings}
    return {name: (name, *settings) for name, settings in components.items() if name not in members}


def _inside(trials: Sequence[Trial], component: str, settings: Sequence[str], search: Search) -> Importance:
    """Return the importance of a component's settings among the trials in which it is on."""
    on = [trial for trial in trials if any(name in trial.params for name in settings)]
    columns = _columns(on, search.searched)
    own: dict[str, tuple[str, ...]] = {name: (name,) for name in settings if name in columns}
    text = f"Among the {len(on)} trials in which {component} is on."
    unranked = Importance((), len(on), None, None, text, component=component)
    if len(on) < FEWEST_TRIALS or len(own) < 2 or _alike(on, search.measured):
        return unranked
    others = {name: values for name, values in columns.items() if name not in own}
    found = replace(_ranked(on, columns, own, search, text), component=component)
    if not found.parameters:
        return unranked
    gain = (found.forest_r2 or 0.0) - forest_r2([trial.value.mean for trial in on], others)
    return found if gain >= LEAST_GAIN else unranked


def _ranked(
    trials: Sequence[Trial], columns: dict[str, Values], groups: dict[str, tuple[str, ...]], search: Search, text: str
) -> Importance:
    """Return the importance of `groups` of the `columns`; none if the forest of all columns predicts worse than the
    mean.
    """
    forest, spread, r2 = forest_importance([trial.value.mean for trial in trials], columns, list(groups.values()))
    if r2 < 0:
        return Importance((), len(trials), r2, None, f"{text} {WORSE.format(f'{r2:.2f}'.replace('-', '−'))}")
    quantile = max(0.1, min(0.5, 5 / len(trials)))
    texts = {name: [trial.params.get(name) for trial in trials] for name in groups}
    anova = _ped_anova(trials, texts, search, quantile)
    found = [
        ParameterImportance(name, anova[name], forest[i], spread[i], members[1:])
        for i, (name, members) in enumerate(groups.items())
    ]
    ranked = tuple(sorted(found, key=lambda p: (-p.forest, p.name)))
    return Importance(ranked, len(trials), r2, quantile, text, recorded=search.space.keys() >= groups.keys())


def _alike(trials: Sequence[Trial], metric: Metric) -> bool:
    values = [trial.value.mean for trial in trials]
    return alike(values, metric.same(*values))


def early_importance(search: Search) -> Importance | None:
    """Return the importance for early accuracy: after the last epoch that all complete and pruned trials reached.

    Pruning leaves few and similar complete trials; here every trial counts. None if no trial was pruned, or too few
    exist.
    """
    trials = [trial for trial in search.trials if trial.state in (names.COMPLETE, names.PRUNED) and trial.value.n]
    if len(trials) == len(search.complete) or len(trials) < FEWEST_TRIALS:
        return None
    metric = search.measured
    epoch = min(_epochs(record, metric) for trial in trials for record in trial.records)
    if epoch < 1:
        return None
    then = tuple(
        replace(
            trial, state=names.COMPLETE,
            value=metric_estimate(metric, [_best(record, epoch, metric) for record in trial.records]),
        )
        for trial in trials
    )  # fmt: skip
    found = parameter_importance(replace(search, trials=then))
    many = "1 epoch" if epoch == 1 else f"{epoch} epochs"
    text = (
        f"For the best validation {metric.words} in the first {many}, which all {len(then)} complete and pruned trials"
        " reached: what learns fast need not end best."
    )
    if found.forest_r2 is None:
        return None
    inside = tuple(replace(one, epoch=epoch) for one in found.inside)
    for said in (WORSE.partition("{}")[0], UNRANKED):
        _, start, rest = found.explanation.partition(said)
        text += f" {start}{rest}" if start else ""
    return replace(found, explanation=text, epoch=epoch, inside=inside)


def _epochs(record: RunRecord, metric: Metric) -> int:
    return max((epoch for epoch, _ in record.curves.get(metric.validation, ())), default=0)


def _best(record: RunRecord, last: int, metric: Metric) -> float:
    found = metric.best(value for epoch, value in record.curves[metric.validation] if epoch <= last)
    assert found is not None
    return found


def _refusal(trials: Sequence[Trial], columns: dict[str, Values], search: Search) -> str:
    if len(trials) < FEWEST_TRIALS:
        return (
            f"Importance needs at least {FEWEST_TRIALS} complete trials, and this search has {len(trials)}"
            f" of {len(search.trials)}: run more trials."
        )
    if not columns:
        return (
            f"No searched parameter took two values in the {len(trials)} complete trials, so there is nothing to rank."
        )
    if _alike(trials, search.measured):
        return f"All {len(trials)} complete trials have the same value, so no parameter can explain a difference."
    return ""


def _explain(search: Search, columns: dict[str, Values]) -> str:
    text = (
        f"From {len(search.complete)} complete trials; {len(search.trials) - len(search.complete)} others (pruned,"
        " diverged, failed) are left out."
    )
    constant = [name for name in search.searched if name not in columns]
    return text + (f" Never varied there, so not ranked: {', '.join(constant)}." if constant else "")


def _column(texts: Texts) -> Values:
    """Return a parameter by trial: numbers if all present values are numbers, else texts; None: inactive."""
    try:
        numbers = [None if text is None else float(text) for text in texts]
    except ValueError:
        return list(texts)
    return list(numbers) if all(x is None or math.isfinite(x) for x in numbers) else list(texts)


def _ped_anova(trials: Sequence[Trial], columns: dict[str, Texts], search: Search, quantile: float) -> dict[str, float]:
    import optuna  # slow to import, and only searches need it
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

    spaces = {
        name: distribution([text for text in texts if text is not None], search.space.get(name))
        for name, texts in columns.items()
    }
    loud = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # a log line would break the live table
    direction = search.measured.better == "higher"
    study = optuna.create_study(study_name="importance", direction="maximize" if direction else "minimize")
    optuna.logging.set_verbosity(loud)
    for i, trial in enumerate(trials):
        params = {
            name: value_of(text, spaces[name]) for name, texts in columns.items() if (text := texts[i]) is not None
        }
        active = {name: spaces[name] for name in params}
        study.add_trial(optuna.trial.create_trial(params=params, distributions=active, value=trial.value.mean))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna warns about a parameter active in a single trial
        evaluator = PedAnovaImportanceEvaluator(target_quantile=quantile)
        found = get_param_importances(study, evaluator=evaluator, params=list(columns), normalize=False)
    return dict(zip(columns, shares_of([found[name] for name in columns]), strict=True))
