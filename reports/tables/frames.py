"""A study's results as tidy pandas frames with numeric columns; accuracies lie in [0, 1]."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from .. import records as names
from ..metric import Metric
from ..records import Across, RunRecord, StudyInfo
from ..statistics.arms import Arm
from ..statistics.changes import EffectChange
from ..statistics.comparison import Comparison
from ..statistics.estimate import Estimate
from ..statistics.summary import Ablation, Search, best_validation, finite, mean_metric, varied_params
from ..statistics.summary import in_order as ordered
from ..statistics.trial import Trial
from .held_out import held_out_mean
from .objects import verdict

IDENTITY = ("run_id", "name", "trial", "arm", "seed", "state")
RUN = (*IDENTITY, "epochs", "best_epoch", "val_accuracy")
TESTED = (
    names.TEST_ACCURACY, names.TEST_ACCURACY_SE, names.ENSEMBLE_TEST_ACCURACY, names.ENSEMBLE_TEST_ACCURACY_SE,
)  # fmt: skip
RUNS = (*RUN, *TESTED, "compute", "seconds")
EPOCHS = ("run_id", "trial", "arm", "seed", "epoch", *names.EPOCH_METRICS)
TRIALS = (
    "trial", "rank", "state", "n", "val_accuracy", "val_accuracy_low", "val_accuracy_high", "held_out_accuracy",
    "test_accuracy", "epochs", "compute", "seconds",
)  # fmt: skip
ARMS = ("arm", "metric", "n", "mean", "mean_low", "mean_high", "ensemble_mean", "compute", "seconds")
COMPARISONS = (
    "family", "arm", "base", "metric", "n", "difference", "difference_low", "difference_high", "p_value", "p_adjusted",
    "p_holm", "verdict", "finding", "seeds_to_decide", "p_equivalence", "cohen_d", "share_better",
    "share_better_low", "share_better_high", "n_diverged", "n_diverged_base",
)  # fmt: skip
CHANGES = (
    "family", "arm", "base", "setting", "from", "to", "metric", "n", "change", "change_low", "change_high", "p_value",
    "p_adjusted", "p_log_odds", "changes", "finding",
)  # fmt: skip
PLANNED = (names.INNER_RATE, names.MSL_WEIGHT, names.SECOND_ORDER)
PARAMS = "params_"
"""Prefix of a setting's dotted path, as in Optuna's `trials_dataframe`."""
_WHOLE = (
    "trial", "seed", "epochs", "best_epoch", "epoch", "rank", "n", "n_diverged", "n_diverged_base", "seeds_to_decide",
)  # fmt: skip

_TEXTS = (
    "run_id", "name", "arm", "base", "family", "metric", "state", "verdict", "setting", "from", "to", "changes",
    "finding",
)  # fmt: skip


def runs_frame(records: Sequence[RunRecord], info: StudyInfo) -> pd.DataFrame:
    """Return a row for each run: RUNS, the study's own metric, if it has one, and `params_` columns of the settings
    that were searched or differ between runs. A metric called as what identifies a run ("seed") is "metric:NAME".
    """
    found = ordered(records)
    varied = [*info.searched, *(path for path in varied_params(found) if path not in info.searched)]
    own = info.metric.name if info.metric else ""
    column = f"metric:{own}" if own in IDENTITY else own
    rows = [{**_run(record, info.measured), **({column: finite(record, own)} if own else {})} for record in found]
    columns = dict.fromkeys([*_called(RUNS, info.measured), *filter(None, [column])])
    return _frame(rows, [*columns], varied, [record.params for record in found], measured=column)


def _called(columns: Sequence[str], measured: Metric) -> tuple[str, ...]:
    """Return columns of accuracies by the name of what a study measures in their place."""
    return tuple(name.replace("accuracy", measured.name) for name in columns)


def _run(record: RunRecord, by: Metric) -> dict[str, Any]:
    measured = {name: finite(record, name) for name in (*_called(TESTED, by), "best_epoch", "seconds")}
    return {
        "run_id": record.run_id, "name": record.name, "trial": record.trial, "arm": record.arm, "seed": record.seed,
        "state": record.state, "epochs": _epochs(record, by), by.validation: best_validation(record, by),
        "compute": finite(record, names.COMPUTE), **measured,
    }  # fmt: skip


def _epochs(record: RunRecord, by: Metric) -> float | None:
    logged = finite(record, names.EPOCHS_RUN)
    return logged if logged is not None else max((step for step, _ in record.curves.get(by.validation, ())), default=0)


def epochs_frame(records: Sequence[RunRecord]) -> pd.DataFrame:
    """Return a row for each finished epoch of each run: EPOCHS, or what else than MAML++ shows an epoch."""
    known = {name for record in records for name in record.curves if not name.startswith(PLANNED)}
    shown = names.EPOCH_METRICS if known <= {*names.EPOCH_METRICS} else tuple(sorted(known))
    rows: list[dict[str, Any]] = []
    for record in ordered(records):
        own = {"run_id": record.run_id, "trial": record.trial, "arm": record.arm, "seed": record.seed}
        curves = {name: dict(record.curves.get(name, ())) for name in shown}
        for epoch in sorted({step for curve in curves.values() for step in curve}):
            rows.append({**own, "epoch": epoch, **{name: curve.get(epoch) for name, curve in curves.items()}})
    return _frame(rows, (*EPOCHS[: -len(names.EPOCH_METRICS)], *shown))


def trials_frame(found: Search) -> pd.DataFrame:
    """Return a row for each trial of a search, by number: TRIALS, and `params_` columns of the searched settings."""
    ranks = {trial.label: rank for rank, trial in enumerate(found.complete, start=1)}
    trials = sorted(found.trials, key=lambda one: -1 if one.number is None else one.number)
    rows = [_trial(trial, ranks.get(trial.label), found.measured) for trial in trials]
    return _frame(rows, _called(TRIALS, found.measured), found.searched, [trial.params for trial in trials])


def _trial(trial: Trial, rank: int | None, by: Metric) -> dict[str, Any]:
    return {
        "trial": trial.number,
        "rank": rank,
        "state": trial.state,
        "epochs": trial.epochs,
        f"held_out_{by.name}": held_out_mean(trial.held_out),
        by.test: trial.test.mean,
        **_estimate(by.validation, trial.value),
        **_cost(trial.records),
    }


def arms_frame(found: Ablation) -> pd.DataFrame:
    """Return a row for each arm of an ablation: ARMS. `metric` names what `mean` is of."""
    return _frame((_arm(arm, found.metric.name) for arm in found.arms), ARMS)


def _arm(arm: Arm, metric: str) -> dict[str, Any]:
    own = {"arm": arm.name, "metric": metric, "ensemble_mean": arm.ensemble.mean}
    return {**own, **_estimate("mean", arm.estimate), **_cost(arm.used)}


def comparisons_frame(found: Ablation) -> pd.DataFrame:
    """Return a row for each comparison of an ablation: COMPARISONS. Differences are arm minus base, paired by seed."""
    return _frame((_comparison(one, found.metric.name) for one in found.comparisons), COMPARISONS)


def _comparison(found: Comparison, metric: str) -> dict[str, Any]:
    return {
        "family": found.family, "arm": found.arm, "base": found.base, "metric": metric,
        **_estimate("share_better", found.share_better), **_estimate("difference", found.estimate),
        "p_value": found.test.p, "p_adjusted": found.test.adjusted, "p_holm": found.test.holm,
        "verdict": verdict(found), "finding": found.finding, "seeds_to_decide": found.verdict.seeds,
        "p_equivalence": found.verdict.equivalence_p, "cohen_d": found.effect_size,
        "n_diverged": found.diverged, "n_diverged_base": found.base_diverged,
    }  # fmt: skip


def changes_frame(found: Ablation) -> pd.DataFrame:
    """Return a row for each effect and later value of an ablation that is repeated across a setting: CHANGES."""
    if found.across is None:
        return _frame([], CHANGES)
    return _frame((_change(one, found.metric.name, found.across) for one in found.changes), CHANGES)


def _change(found: EffectChange, metric: str, across: Across) -> dict[str, Any]:
    return {
        "family": found.family, "arm": found.arm, "base": found.base, "setting": across.path,
        "from": across.values[0], "to": across.values[found.place], "metric": metric,
        **_estimate("change", found.estimate), "p_value": found.test.p, "p_adjusted": found.test.adjusted,
        "p_log_odds": found.log_odds.test.adjusted if found.log_odds else None, "changes": found.changes,
        "finding": found.finding,
    }  # fmt: skip


def _estimate(name: str, found: Estimate) -> dict[str, Any]:
    """Return the columns of an estimate; NAME_low and NAME_high are the ends of its 95 % interval."""
    return {"n": found.n, name: found.mean, f"{name}_low": found.low, f"{name}_high": found.high}


def _cost(records: Sequence[RunRecord]) -> dict[str, Any]:
    """Return the mean cost of these runs."""
    return {"compute": mean_metric(records, names.COMPUTE), "seconds": mean_metric(records, names.SECONDS)}


def _frame(
    rows: Iterable[Mapping[str, Any]], columns: Sequence[str], settings: Sequence[str] = (),
    params: Sequence[Mapping[str, str]] = (), measured: str = "",
) -> pd.DataFrame:  # fmt: skip
    """Return the rows with exactly `columns` and one column for each of `settings`; unknown values are missing. Values
    of `measured` are floats.
    """
    table = list(rows)
    types = {name: "float64" if name == measured else _type(name) for name in columns}
    made = {name: pd.Series([row.get(name) for row in table], dtype=types[name]) for name in columns}
    made |= {PARAMS + path: _values([own.get(path) for own in params]) for path in settings}
    return pd.DataFrame(made)


def _type(column: str) -> Any:
    return "Int64" if column in _WHOLE else "object" if column in _TEXTS else "float64"


def _values(texts: Sequence[str | None]) -> pd.Series[Any]:
    """Return recorded settings as integers, floats or booleans if all known ones are; else as text."""
    known = [text for text in texts if text is not None]
    kinds: tuple[tuple[str, Callable[[str], Any]], ...] = (
        ("Int64", int), ("float64", float), ("boolean", {"True": True, "False": False}.__getitem__),
    )  # fmt: skip
    for dtype, read in kinds:
        try:
            values = {text: read(text) for text in known}
        except (ValueError, KeyError):
            continue
        return pd.Series([None if text is None else values[text] for text in texts], dtype=dtype)
    return pd.Series(texts, dtype="object")
