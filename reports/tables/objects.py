"""A study's results as JSON-ready objects: unrounded numbers, None for unknown values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from .. import records as names
from ..records import Across, RunRecord, StudyInfo
from ..statistics.arms import count_reused, count_states
from ..statistics.changes import EffectChange
from ..statistics.comparison import Comparison
from ..statistics.summary import Ablation, Search
from ..statistics.trial import Trial
from ..statistics.verdict import BETTER, EQUIVALENT, UNDECIDED, WORSE
from .held_out import held_out_mean

VERDICTS = (BETTER, WORSE, EQUIVALENT, UNDECIDED)


def ablation_object(found: Ablation) -> dict[str, Any]:
    """Return the metric, the arms, every comparison, and the excluded runs, each with the reason."""
    metric = {name: value for name, value in asdict(found.metric).items() if name not in ("title", "meaning")}
    return {
        "metric": metric,
        "arms": [
            {
                "arm": arm.name, "n": arm.estimate.n, "mean": known(arm.estimate.mean), "low": arm.estimate.low,
                "high": arm.estimate.high, "diverged": len(arm.diverged), "failed": arm.failed,
            }
            for arm in found.arms
        ],
        "comparisons": [comparison_object(one) for one in found.comparisons],
        **({"changes": [change_object(one, found.across) for one in found.changes]} if found.across else {}),
        "excluded": [{"run": one.record.name, "reason": one.reason} for one in found.excluded],
    }  # fmt: skip


def study_object(info: StudyInfo, records: Sequence[RunRecord], found: Ablation | Search) -> dict[str, Any]:
    """Return a study's results: an ablation's arms and comparisons, a search's trials, or its runs."""
    states, reused = count_states(records), count_reused(records)
    head = {"study": info.name, "kind": info.kind, "runs": states, "reused": reused, "missing": info.missing}
    if isinstance(found, Search):
        return {**head, **search_object(found)}
    if info.kind == names.ABLATION:
        return {**head, **ablation_object(found)}
    return {**head, "results": [_run(record) for record in records]}


def search_object(found: Search) -> dict[str, Any]:
    """Return the trials of a search, the best complete one first; `best` is its number, `finalists` those of the best
    that are ranked by held-out accuracy.
    """
    best = found.complete[0].number if found.complete else None
    trials = [_trial(trial, rank) for rank, trial in enumerate(found.trials, start=1)]
    finalists = [trial.number for trial in found.finalists]
    return {
        "searched": list(found.searched), "score": found.score, "best": best, "finalists": finalists, "trials": trials,
    }  # fmt: skip


def _trial(trial: Trial, rank: int) -> dict[str, Any]:
    return {
        "trial": trial.number, "rank": rank if trial.state == names.COMPLETE else None, "state": trial.state,
        "n": trial.value.n, "value": known(trial.value.mean), "low": trial.value.low, "high": trial.value.high,
        "score": known(trial.score), "held_out": held_out_mean(trial.held_out), "test": known(trial.test.mean),
        "epochs": trial.epochs, "params": trial.params,
    }  # fmt: skip


def _run(record: RunRecord) -> dict[str, Any]:
    metrics = {name: known(value) for name, value in record.metrics.items()}
    return {
        "run": record.run_id, "name": record.name, "seed": record.seed, "state": record.state, "metrics": metrics,
        "message": record.tags.get(names.TAG_MESSAGE, ""),
    }  # fmt: skip


def comparison_object(found: Comparison) -> dict[str, Any]:
    """Return a comparison: `arm` minus `base`, paired by seed, with its interval (95 %, or the last look's level)."""
    return {
        "family": found.family, "arm": found.arm, "base": found.base, "verdict": verdict(found),
        "finding": found.finding, "margin": found.verdict.margin,
        "difference": known(found.estimate.mean), "low": found.estimate.low, "high": found.estimate.high,
        "p": found.test.p, "p_adjusted": found.test.adjusted, "n": found.estimate.n,
    }  # fmt: skip


def change_object(found: EffectChange, across: Across) -> dict[str, Any]:
    """Return how a comparison (names of the design) changes from the first value of a setting to another."""
    return {
        "family": found.family, "arm": found.arm, "base": found.base, "setting": across.path,
        "from": across.values[0], "to": across.values[found.place], "changes": found.changes, "finding": found.finding,
        "change": known(found.estimate.mean), "low": found.estimate.low, "high": found.estimate.high,
        "p": found.test.p, "p_adjusted": found.test.adjusted,
        "p_log_odds": found.log_odds.test.adjusted if found.log_odds else None, "n": found.estimate.n,
    }  # fmt: skip


def verdict(found: Comparison) -> str:
    """Return one of VERDICTS. Runs that are identical in every seed are equivalent if there is a margin, else
    undecided.
    """
    if found.verdict.identical and not found.verdict.decided:
        return UNDECIDED if found.verdict.margin is None else EQUIVALENT
    return UNDECIDED if found.verdict.too_few else found.verdict.word


def known(value: float | None) -> float | None:
    """Return `value` if it is finite, else None, because JSON has no NaN or infinity."""
    return value if value is not None and math.isfinite(value) else None


def first_verdicts(found: Ablation) -> Mapping[str, str]:
    """Return the verdict of each arm's first comparison."""
    own: dict[str, str] = {}
    for one in found.comparisons:
        own.setdefault(one.arm, verdict(one))
    return own
