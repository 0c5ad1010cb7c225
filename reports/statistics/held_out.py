"""HeldOut: a trial's accuracy on validation tasks that neither its sampler nor a pruner saw."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from .. import records as names
from ..records import RunRecord
from .estimate import LEVEL, Estimate, critical


@dataclass(frozen=True)
class HeldOut:
    """The mean over a trial's seeds, its standard error over all held-out `tasks`, and the `score` that ranks it."""

    mean: float
    se: float
    tasks: int
    score: float
    seeds: int = 1

    def optimism(self, selected_by: float) -> Estimate:
        """Return by how much the accuracy that selected the trial is higher, with a 95 % interval over tasks."""
        found = selected_by - self.mean
        if not self.se > 0:
            return Estimate(found, None, None, self.tasks)
        half = critical(LEVEL, self.tasks - self.seeds) * self.se
        return Estimate(found, found - half, found + half, self.tasks)


def held_out(records: Sequence[RunRecord], score: Callable[[Sequence[float]], float]) -> HeldOut | None:
    """Return what the runs of one trial reached on held-out tasks, each on its own; None unless all were scored.

    `score` makes the trial's score of its seeds' accuracies.
    """
    known = (names.HELD_OUT_ACCURACY, names.HELD_OUT_ACCURACY_SE, names.HELD_OUT_TASKS)
    if not all(name in record.metrics for record in records for name in known):
        return None
    values, errors, tasks = ([record.metrics[name] for record in records] for name in known)
    se = math.sqrt(math.fsum(error**2 for error in errors)) / len(errors)
    return HeldOut(fmean(values), se, int(sum(tasks)), score(values), len(values))
