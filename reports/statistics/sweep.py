"""A setting varied alone: the primary metric at each of its values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..metric import TEST_ACCURACY, Metric
from ..records import Sweep
from .estimate import Estimate, metric_estimate


@dataclass(frozen=True)
class SweepPoint:
    """The arm with one value: mean over its seeds with Student's t interval, one point of the band."""

    arm: str
    value: float | str | bool
    estimate: Estimate


@dataclass(frozen=True)
class SweepCurve:
    """Points sorted by value if all are numbers, else in the order of the spec; `path` is the setting's dotted name."""

    path: str
    points: tuple[SweepPoint, ...]


def sweep_curve(sweep: Sweep, values: Mapping[str, Mapping[int, float]], metric: Metric = TEST_ACCURACY) -> SweepCurve:
    """Return the curve from `values`, arm -> seed -> metric; an arm without a complete run has n = 0."""
    points = [
        SweepPoint(arm, value, metric_estimate(metric, list(values.get(arm, {}).values())))
        for arm, value in sweep.values.items()
    ]
    numbers = [p.value for p in points if isinstance(p.value, (int, float)) and not isinstance(p.value, bool)]
    if len(numbers) == len(points):
        points.sort(key=lambda point: float(point.value))
    return SweepCurve(sweep.path, tuple(points))
