"""What an ablation found, as objects for other programs: numbers as they are stored, None for what is not known."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ..metric import Metric
from ..statistics.comparison import Comparison
from ..statistics.summary import Ablation

VERDICTS = ("better", "worse", "equivalent", "undecided")


def ablation_object(found: Ablation) -> dict[str, Any]:
    """Return the metric, the arms and every comparison; and the runs that are in no mean, each with the reason."""
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
        "comparisons": [comparison_object(one, found.metric) for one in found.comparisons],
        "excluded": [{"run": one.record.name, "reason": one.reason} for one in found.excluded],
    }  # fmt: skip


def comparison_object(found: Comparison, metric: Metric) -> dict[str, Any]:
    """Return a comparison: `arm` minus `base`, paired by seed, with the ends of its 95 % interval."""
    return {
        "family": found.family, "arm": found.arm, "base": found.base, "verdict": verdict(found, metric),
        "difference": known(found.estimate.mean), "low": found.estimate.low, "high": found.estimate.high,
        "p": found.test.p, "p_adjusted": found.test.adjusted, "n": found.estimate.n,
    }  # fmt: skip


def verdict(found: Comparison, metric: Metric) -> str:
    """Return "better" or "worse" where the adjusted p is at most 0.05, else "undecided"."""
    if not found.test.significant:
        return "undecided"
    return "better" if metric.sign * found.estimate.mean > 0 else "worse"


def known(value: float | None) -> float | None:
    """Return a finite number, else None: JSON has no others."""
    return value if value is not None and math.isfinite(value) else None


def first_verdicts(found: Ablation) -> Mapping[str, str]:
    """Return the verdict of each arm's first comparison."""
    own: dict[str, str] = {}
    for one in found.comparisons:
        own.setdefault(one.arm, verdict(one, found.metric))
    return own
