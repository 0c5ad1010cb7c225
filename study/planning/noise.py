"""Noise estimates for a plan: the user's guess, an earlier report, or the study's own finished seeds."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from scipy.special import logit

from reports.records import ReportError, RunRecord, StudyInfo
from reports.statistics.arms import Arm
from reports.statistics.noise_model import LogitNoise, NoiseModel, NormalNoise, logit_noise
from reports.statistics.permutation import Array
from reports.statistics.summary import Ablation, summarise_ablation

from ..stores.home import Home

UNKNOWN = NormalNoise()
"""Unknown noise: differences in units of their standard deviation."""


@dataclass(frozen=True)
class Noise:
    """Standard deviation of a seed's paired difference (accuracy in [0, 1]), and where it comes from.

    A pilot adds `model`, and the mean logit of the accuracies of the arms that others are compared to, `levels`: near
    100 % differences are smaller and skewed, and how much depends on the base.
    """

    sd: float
    source: str
    model: LogitNoise | None = None
    levels: Mapping[str, float] = field(default_factory=dict)

    def against(self, base: str) -> NoiseModel:
        """Return the noise of comparisons with the arm of that name."""
        if self.model is None:
            return NormalNoise(self.sd)
        return replace(self.model, base=self.levels.get(base, self.model.base))


def noise_of(read: Callable[[], tuple[StudyInfo, list[RunRecord]]], source: str) -> Noise | None:
    """Return the noise that a study's comparisons had, pooled over them; None with less than two pairs in each."""
    info, records = read()
    found = summarise_ablation(records, info)
    if not found.metric.is_share:
        raise ReportError(f"{source} has {found.metric.name}, not accuracies, so it says nothing of this study's noise")
    pairs = [c for c in found.comparisons if len(c.differences) > 1]
    if not pairs:
        return None
    freedom = sum(len(c.differences) - 1 for c in pairs)
    total = sum((len(c.differences) - 1) * np.var(list(c.differences.values()), ddof=1) for c in pairs)
    sides = [_sides(found, c.arm, c.base, list(c.differences)) for c in pairs]
    model = logit_noise([arm for arm, _ in sides], [base for _, base in sides])
    return Noise(math.sqrt(total / freedom), source, model, _levels(found))


def _sides(found: Ablation, arm: str, base: str, seeds: list[int]) -> tuple[Array, Array]:
    """Return both arms' accuracies [n, m] per task; [n, 1], their means, where not all were tested on equally many
    tasks.
    """
    arms = (found.arm(arm), found.arm(base))
    tasks = [[one.tasks_of(seed) for seed in seeds] for one in arms]
    whole = all(math.isfinite(value) for side in tasks for row in side for value in row)
    if whole and len({len(row) for side in tasks for row in side}) == 1 and len(tasks[0][0]) > 1:
        return np.array(tasks[0]), np.array(tasks[1])
    ours, theirs = (np.array([[one.values[seed]] for seed in seeds]) for one in arms)
    return ours, theirs


def _levels(found: Ablation) -> dict[str, float]:
    def level(arm: Arm) -> float:
        return float(logit(np.clip(list(arm.values.values()), 1e-4, 1 - 1e-4)).mean())

    bases = {comparison.base for comparison in found.comparisons}
    return {arm.name: level(arm) for arm in found.arms if arm.name in bases and arm.values}


def noise_from_folder(folder: Path) -> Noise | None:
    """Return the noise in an earlier report's files."""
    from reports.data.loading import from_files

    return noise_of(lambda: from_files(folder), f"the report in {folder}")


def noise_from_store(home: Home, study: str) -> Noise | None:
    """Return the noise of the study's own finished seeds; None if it has not started."""
    from reports.data.loading import from_mlflow
    from reports.records import ReportError

    from ..stores.connect import mlflow_address

    try:
        return noise_of(lambda: from_mlflow(mlflow_address(home), study), f"the finished seeds of {study}")
    except ReportError:
        return None
