"""One arm of an ablation over its seeds, and the runs that are in no mean."""

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
    """A run that no mean contains, and why."""

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
        """Number of runs by state."""
        return count_states(self.records)

    def tasks_of(self, seed: int) -> Sequence[float]:
        """Return the accuracies per test task of the seed's run (single model); empty if it has none."""
        run = self._by_seed.get(seed)
        return run.per_task.get(names.SINGLE, ()) if run else ()

    @cached_property
    def _by_seed(self) -> dict[int | None, RunRecord]:
        return {run.seed: run for run in self.used}


def count_states(records: Sequence[RunRecord]) -> dict[str, int]:
    """Return the number of runs by state, in the order of `STATES`; states of other names come last."""
    counts = Counter(record.state for record in records)
    order = [*names.STATES, *sorted(counts.keys() - set(names.STATES))]
    return {state: counts[state] for state in order if counts[state]}
