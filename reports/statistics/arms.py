"""One arm of an ablation over its seeds, and excluded runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from .. import records as names
from ..records import RunRecord
from .estimate import Estimate


@dataclass(frozen=True)
class Excluded:
    """A run excluded from means, and why."""

    record: RunRecord
    reason: str


@dataclass(frozen=True)
class Arm:
    """One arm over its seeds; `values` maps seed to the primary metric of its complete run."""

    name: str
    values: Mapping[int, float]
    estimate: Estimate
    ensemble: Estimate
    records: tuple[RunRecord, ...]
    used: tuple[RunRecord, ...]
    dropped: Mapping[str, str]

    @property
    def counts(self) -> dict[str, int]:
        """Number of runs in each state."""
        return count_states(self.records)

    @property
    def diverged(self) -> frozenset[int]:
        """Seeds whose run ended with a non-finite loss."""
        return (
            frozenset(r.seed for r in self.records if r.seed is not None and r.state == names.DIVERGED)
            - self.values.keys()
        )

    @property
    def failed(self) -> int:
        """Number of seeds missing because their run ended without a result for another reason."""
        ended = {record.seed for record in self.records if record.state in names.ENDED and record.seed is not None}
        return len(ended - self.values.keys() - self.diverged)

    @property
    def whole(self) -> bool:
        """Whether no run diverged or failed; otherwise a mean covers only the runs that finished."""
        return not self.lost

    @property
    def lost(self) -> str:
        """Counts of lost runs: "8 of 16 diverged, 1 failed"; empty if none diverged or failed."""
        diverged = len(self.diverged)
        parts = [f"{diverged} of {diverged + len(self.values)} diverged"] * bool(diverged)
        return ", ".join([*parts, *[f"{self.failed} failed"] * bool(self.failed)])

    def tasks_of(self, seed: int) -> Sequence[float]:
        """Return the per-task test accuracies of the seed's run (single model); empty if it has none."""
        run = self._by_seed.get(seed)
        return run.per_task.get(names.SINGLE, ()) if run else ()

    @cached_property
    def _by_seed(self) -> dict[int | None, RunRecord]:
        return {run.seed: run for run in self.used}


def count_states(records: Sequence[RunRecord]) -> dict[str, int]:
    """Return the number of runs by state, in the order of `STATES`; unknown states come last."""
    counts = Counter(record.state for record in records)
    order = [*names.STATES, *sorted(counts.keys() - set(names.STATES))]
    return {state: counts[state] for state in order if counts[state]}


def count_reused(records: Sequence[RunRecord]) -> int:
    """Return how many runs have the results of an earlier training."""
    return sum(names.TAG_REUSED_FROM in record.tags for record in records)
