"""Best value of a search: expected best by number of trials (random search), or best so far by compute.

Trials of an adaptive sampler (such as TPE) are not independent draws, and those that survive a pruner are selected, so
the expected best cannot be estimated from them.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

from .. import records as names
from ..records import StudyInfo
from .summary import Search, finite, in_order
from .trial import Trial

LEVEL = 0.95
MOST_POINTS = 200


@dataclass(frozen=True)
class ExpectedBest:
    """Numbers of trials, the expected best value for each, and a simultaneous 95 % band for the curve."""

    trials: tuple[int, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


def expected_best(values: Sequence[float]) -> ExpectedBest:
    """Return the expected maximum of n independent trials, for n up to the number of `values`, which are accuracies in
    [0, 1].

    The mean over all subsets of n of the values, which is unbiased (Tang et al. 2020, arXiv 2004.13705). The band
    follows from that of Dvoretzky, Kiefer, Wolfowitz and Massart for the values' distribution (as Lourie et al. 2023,
    arXiv 2311.09480): wide where more trials could have found better values.
    """
    found = np.sort(np.asarray(values, dtype=np.float64))
    count = len(found)
    budgets = np.unique(np.linspace(1, count, min(count, MOST_POINTS)).round().astype(int))
    mean = np.array([_weights(count, n) @ found for n in budgets.tolist()])
    reach = math.sqrt(math.log(2 / (1 - LEVEL)) / (2 * count))
    low, high = (_expected(found, shift, budgets) for shift in (reach, -reach))
    return ExpectedBest(tuple(budgets.tolist()), _numbers(mean), _numbers(low), _numbers(high))


def _weights(count: int, n: int) -> npt.NDArray[np.float64]:
    """Return the share of the subsets of n in which each of the sorted values is the largest: C(i - 1, n - 1) /
    C(count, n).
    """
    below = np.arange(count, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        logs = gammaln(below + 1) - gammaln(below - n + 2) - gammaln(n) - _log_choose(count, n)
    found: npt.NDArray[np.float64] = np.where(below >= n - 1, np.exp(np.where(below >= n - 1, logs, 0.0)), 0.0)
    return found


def _log_choose(count: int, n: int) -> float:
    return float(gammaln(count + 1) - gammaln(n + 1) - gammaln(count - n + 1))


def _expected(ordered: npt.NDArray[np.float64], shift: float, budgets: npt.NDArray[np.intp]) -> npt.NDArray[np.float64]:
    """Return the expected maximum of n draws from the distribution function shifted by `shift`: 1 - integral of F^n
    over [0, 1].
    """
    steps = np.diff(np.concatenate([[0.0], ordered, [1.0]]))
    shares = np.clip(np.arange(len(ordered) + 1) / len(ordered) + shift, 0.0, 1.0)
    found: npt.NDArray[np.float64] = 1 - (shares ** budgets[:, None]) @ steps
    return found


def _numbers(values: npt.NDArray[np.float64]) -> tuple[float, ...]:
    return tuple(values.tolist())


def independent_trials(search: Search, info: StudyInfo) -> tuple[Trial, ...]:
    """Return the complete, randomly drawn trials without enqueued configs; empty with another sampler or pruning."""
    spec = _tables(info.spec)
    sampler, study = spec.get("sampler"), spec.get("study")
    known = study.get("enqueue", ()) if isinstance(study, dict) else ()
    drawn = isinstance(sampler, dict) and sampler.get("name") == "random"
    stopped = any(trial.state == names.PRUNED for trial in search.trials)
    if not drawn or stopped or not search.measured.is_share or search.measured.better != "higher":
        return ()
    if not all(isinstance(one, str) for one in known):
        return ()
    return tuple(trial for trial in search.complete if not trial.records[0].tags.get(names.TAG_PRESET))


def _tables(spec: str) -> dict[str, Any]:
    try:
        return tomllib.loads(spec)
    except tomllib.TOMLDecodeError:  # of another version: its sampler is unknown
        return {}


def best_so_far(search: Search) -> list[tuple[float, float]]:
    """Return (compute spent by all trials so far, best complete value) at each improvement, in the order of trials'
    ends.

    Empty unless every ended trial has counted compute.
    """
    ended = [t for t in search.trials if t.state in names.ENDED]
    if any(finite(record, names.COMPUTE) is None for trial in ended if trial.value.n for record in trial.records):
        return []
    sign = search.measured.sign
    spent, best, steps = 0.0, -sign * math.inf, list[tuple[float, float]]()
    for trial in sorted(ended, key=_ended):
        spent += math.fsum(finite(record, names.COMPUTE) or 0.0 for record in trial.records)
        if trial.state == names.COMPLETE and sign * trial.value.mean > sign * best:
            best = trial.value.mean
            steps.append((spent, best))
    return [*steps, (spent, best)] if steps else []


def _ended(trial: Trial) -> tuple[float, int]:
    times = [record.ended_at for record in in_order(trial.records) if record.ended_at is not None]
    return max(times, default=math.inf), trial.number or 0
