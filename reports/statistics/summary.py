"""Summarises records as arms, comparisons and trials, with excluded runs and reasons."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from .. import records as names
from ..data.facts import dropped_settings
from ..metric import ACCURACY, Metric
from ..records import Across, RunRecord, StudyInfo
from .arms import Arm, Excluded
from .changes import EffectChange
from .comparison import Comparison, compare
from .designs_at import DesignAt, designs_at
from .estimate import accuracy_estimate, estimate, lower_bound, metric_estimate
from .held_out import held_out
from .judging import Rules
from .look_progress import NO_LOOKS, LookProgress, look_progress_of
from .trial import Trial, or_inf, ranked


@dataclass(frozen=True)
class Ablation:
    """Arms in the order of their comparisons, comparisons in that of their families; `metric` is the primary metric.

    `pairing`: what runs of equal seeds share, as `StudyInfo` has it. `designs`: what a factorial or a sweep found, at
    each value if it is repeated. `look_progress`: the looks taken; seeds of later looks are excluded. `changes`: how
    each effect changes `across` the values of a setting, for a design that is repeated.
    """

    metric: Metric
    arms: tuple[Arm, ...]
    comparisons: tuple[Comparison, ...]
    excluded: tuple[Excluded, ...]
    designs: tuple[DesignAt, ...] = ()
    pairing: str = ""
    look_progress: LookProgress = NO_LOOKS
    across: Across | None = None
    changes: tuple[EffectChange, ...] = ()
    measured: Metric = ACCURACY

    @property
    def families(self) -> dict[str, tuple[Comparison, ...]]:
        """The comparisons of each family, by its name."""
        named = dict.fromkeys(comparison.family for comparison in self.comparisons)
        return {name: tuple(c for c in self.comparisons if c.family == name) for name in named}

    @property
    def has_compute(self) -> bool:
        """Whether any run has counted compute."""
        return any(mean_metric(arm.used, names.COMPUTE) for arm in self.arms)

    def arm(self, name: str) -> Arm:
        """Return the arm of that name."""
        return next(arm for arm in self.arms if arm.name == name)

    def against(self, name: str) -> tuple[Comparison, ...]:
        """Return the comparisons of the arm of that name."""
        return tuple(comparison for comparison in self.comparisons if comparison.arm == name)


@dataclass(frozen=True)
class Search:
    """Trials, the best complete one first, then pruned ones, then the others; `searched` are the varied settings, from
    `space`. `finalists` are those of the best that are ranked by held-out accuracy; empty if none are.
    """

    trials: tuple[Trial, ...]
    searched: tuple[str, ...]
    excluded: tuple[Excluded, ...]
    score: str = "mean"
    space: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    measured: Metric = ACCURACY
    finalists: tuple[Trial, ...] = ()

    @property
    def complete(self) -> tuple[Trial, ...]:
        """The complete trials, best first."""
        return tuple(trial for trial in self.trials if trial.state == names.COMPLETE)


def in_order(records: Sequence[RunRecord]) -> list[RunRecord]:
    """Return `records` in the order that every report uses."""
    return sorted(records, key=lambda r: (or_inf(r.trial), or_inf(r.started_at), or_inf(r.seed), r.run_id))


def finite(record: RunRecord, metric: str) -> float | None:
    """Return the metric if it was logged and is finite; MLflow stores infinity as the largest double."""
    value = record.metrics.get(metric)
    return value if value is not None and math.isfinite(value) and abs(value) < 1e300 else None


def mean_metric(records: Sequence[RunRecord], metric: str) -> float | None:
    """Return the mean of `metric` over the runs with a finite value; None without any."""
    values = [value for record in records if (value := finite(record, metric)) is not None]
    return fmean(values) if values else None


def best_validation(record: RunRecord, measured: Metric = ACCURACY) -> float | None:
    """Return the best value on validation data, from the curve if the run ended before logging it."""
    logged = finite(record, measured.best_validation)
    curve = [value for _, value in record.curves.get(measured.validation, ()) if math.isfinite(value)]
    return logged if logged is not None else measured.best(curve)


def primary_metric(records: Sequence[RunRecord], measured: Metric = ACCURACY) -> Metric:
    """Return the metric on test data if any complete run was tested, else that of the best validation epochs."""
    tested = any(r.state == names.COMPLETE and finite(r, measured.test) is not None for r in records)
    return measured.tested if tested else measured.validated


def why_excluded(record: RunRecord, metric: str) -> str | None:
    """Return why a run is excluded from means of `metric`, or None if it is not."""
    message = record.tags.get(names.TAG_MESSAGE, "")
    if record.state != names.COMPLETE:
        return message or f"ended as {record.state.replace('_', ' ')}"
    if metric not in record.metrics:
        return f"complete, but {metric} was never logged"
    return None if finite(record, metric) is not None else f"complete, but {metric} is {record.metrics[metric]}"


def arm_name(record: RunRecord, info: StudyInfo) -> str:
    """Return the record's arm; a run without one belongs to the study itself."""
    return record.arm or info.name


def summarise(records: Sequence[RunRecord], info: StudyInfo) -> Ablation | Search:
    """Return the summary of a search's trials, or of the arms of any other study."""
    return summarise_search(records, info) if info.kind == names.SEARCH else summarise_ablation(records, info)


def summarise_ablation(records: Sequence[RunRecord], info: StudyInfo) -> Ablation:
    """Return arms and paired comparisons. Blocks are seeds; of two complete runs of an arm and seed the first
    counts.
    """
    records = in_order(records)
    metric = info.metric or primary_metric(records, info.measured)
    look_progress = look_progress_of(records, info)
    beyond = [record for record in records if record.seed in look_progress.later]
    excluded = [Excluded(record, _later(look_progress)) for record in beyond if record.state == names.COMPLETE]
    by_arm: dict[str, list[RunRecord]] = {}
    for record in records:
        if record.seed in look_progress.later:
            continue
        by_arm.setdefault(arm_name(record, info), []).append(record)
    order = _arm_order(list(by_arm), [pair for family in info.families for pair in family.comparisons])
    arms = {name: _arm(name, by_arm.get(name, []), metric, excluded) for name in order}
    values = {name: arm.values for name, arm in arms.items()}
    rules = Rules(info.test == "moderated", info.margin, look_progress.looks)
    comparisons, changes = compare(info.families, arms, metric, rules, info.adjust == "study", info.across)
    return Ablation(
        metric,
        tuple(arms.values()),
        comparisons,
        tuple(excluded),
        designs_at(info.factorial, info.sweep, info.across, values, metric),
        info.pairing,
        look_progress,
        info.across,
        changes,
        info.measured,
    )


def _later(look_progress: LookProgress) -> str:
    reached = len(look_progress.looks[-1].seeds or ())
    return f"complete, but beyond the look at {reached} seeds; counts at the next, at {look_progress.next}"


def _arm_order(arms: Sequence[str], pairs: Sequence[tuple[str, str]]) -> list[str]:
    """Return each base followed by the arms that are compared to it, then arms without comparison."""
    bases = dict.fromkeys(base for _, base in pairs)
    grouped = [
        name for base in bases for name in [base, *(arm for arm, other in pairs if other == base and arm not in bases)]
    ]
    return list(dict.fromkeys([*grouped, *arms]))


def _arm(name: str, own: Sequence[RunRecord], metric: Metric, excluded: list[Excluded]) -> Arm:
    used: dict[int, RunRecord] = {}
    for record in own:
        reason = why_excluded(record, metric.name)
        if reason is None and record.seed is None:
            reason = "complete, but without the tag seed, so it has no block"
        if reason is None and record.seed in used:
            reason = f"a second complete run of this arm and seed {record.seed}; the first one counts"
        if reason is not None:
            excluded.append(Excluded(record, reason))
        elif record.seed is not None:
            used[record.seed] = record
    values = {seed: used[seed].metrics[metric.name] for seed in sorted(used)}
    ensemble = [v for r in used.values() if (v := finite(r, names.ENSEMBLE_TEST_ACCURACY)) is not None]
    dropped = {path: why for record in own for path, why in dropped_settings(record).items()}
    return Arm(
        name,
        values,
        metric_estimate(metric, list(values.values())),
        accuracy_estimate(ensemble),
        tuple(own),
        tuple(used.values()),
        dropped,
    )


def summarise_search(records: Sequence[RunRecord], info: StudyInfo) -> Search:
    """Return ranked trials. A trial's value is the mean of its seeds' best values on validation data.

    A trial with fewer seeds than others that no pruner stopped is still running.
    """
    groups: dict[str, list[RunRecord]] = {}
    for record in in_order(records):
        groups.setdefault(record.run_id if record.trial is None else f"{record.trial}", []).append(record)
    searched = info.searched or varied_params(records)
    most = max(map(len, groups.values()), default=1)
    metric = info.measured
    found = [_trial(group, searched, info, most) for group in groups.values()]
    trials, finalists = ranked(found, metric.sign, info.finalists)
    excluded = [Excluded(r, why) for r in in_order(records) if (why := why_excluded(r, metric.best_validation))]
    return Search(trials, tuple(searched), tuple(excluded), info.score, info.space, metric, finalists)


def varied_params(records: Sequence[RunRecord]) -> tuple[str, ...]:
    """Return the params that differ between records; a missing param counts as a value."""
    keys = sorted({key for record in records for key in record.params})
    return tuple(key for key in keys if len({record.params.get(key) for record in records}) > 1)


def _trial(group: Sequence[RunRecord], searched: Sequence[str], info: StudyInfo, seeds: int) -> Trial:
    first, metric = group[0], info.measured
    values = [value for record in group if (value := best_validation(record, metric)) is not None]
    state = next((r.state for r in group if r.state != names.COMPLETE), names.COMPLETE)
    if state == names.COMPLETE and len(values) < len(group):
        state = names.FAILED  # a complete run without a number cannot be ranked
    stopped = any(record.tags.get(names.TAG_STOPS_TRIAL) for record in group)
    if state == names.COMPLETE and len(group) < seeds:
        state = names.PRUNED if stopped else names.RUNNING
    return Trial(
        label=first.name or "?" if first.trial is None else str(first.trial),
        number=first.trial,
        state=state,
        value=metric_estimate(metric, values),
        test=metric_estimate(metric, [v for r in group if (v := finite(r, metric.test)) is not None]),
        epochs=max(_epochs(record, metric) for record in group),
        params={key: first.params[key] for key in searched if key in first.params},
        records=tuple(group),
        score=trial_score(values, info.score, metric.sign),
        stopped=stopped,
        held_out=held_out(group, lambda values: trial_score(values, info.score)) if info.finalists else None,
    )


def trial_score(values: Sequence[float], how: str, sign: int = 1) -> float:
    """Return what ranks a trial: the mean of its seeds, or its bound on the worse side (the upper one where `sign` is
    -1, as lower values are better). Without values NaN, or the worst there is.
    """
    return sign * lower_bound([sign * one for one in values]) if how == "lower_bound" else estimate(values).mean


def _epochs(record: RunRecord, metric: Metric) -> int:
    logged = finite(record, names.EPOCHS_RUN)
    curve = record.curves.get(metric.validation, ())
    return int(logged) if logged is not None else max((step for step, _ in curve), default=0)
