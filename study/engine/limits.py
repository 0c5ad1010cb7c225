"""What a study may spend, and what it has spent: no new run starts when one of the limits is reached."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from ..spec.sections import BudgetSection, ExecutionSection
from .run import Run

CPU, GPU = "cpu", "gpu"


class SpendingLimits:
    """The limits of [budget] but `trials`, which the plan knows.

    Hours are the wall clock of all starts, as long as a driver lived. Device hours are those of all epochs of all
    starts, wall time times cores, or times a run's share of a GPU: of a run that was taken over from another study
    none, of a run that lost its worker what its checkpoint holds.

    Args:
        section, execution: of the spec.
        spent: seconds of the runs that ended before this start, by `CPU` and `GPU`.
        earlier: seconds of wall clock of the starts before this one.
    """

    def __init__(
        self, section: BudgetSection, execution: ExecutionSection, spent: Mapping[str, float], earlier: float = 0.0
    ) -> None:
        self._section, self._threads, self._gpus = (
            section,
            execution.threads,
            execution.gpus_per_run or 1.0 / execution.workers_per_gpu,
        )
        self._spent = {CPU: spent.get(CPU, 0.0), GPU: spent.get(GPU, 0.0)}
        self._earlier, self._began = earlier, time.monotonic()
        self._stopped: dict[int, float] = {}
        """Seconds of trials that were stopped and may go on; a run that takes one up has them, too."""

    @property
    def elapsed(self) -> float:
        """Seconds since this start."""
        return time.monotonic() - self._began

    def add(self, run: Run) -> None:
        """Count a run that has ended."""
        self._spent[kind(run.device)] += self._new_seconds(run)
        if run.end == "pruned":
            self._stopped[run.plan.trial] = _seconds(run)

    def _new_seconds(self, run: Run) -> float:
        before = 0.0 if run.plan.continues is None else self._stopped.get(run.plan.continues, 0.0)
        return max(0.0, _seconds(run) - before)

    def reached(self, open_runs: Iterable[Run]) -> str:
        """Return which limit is reached, such as "[budget] hours = 2"; empty while none is."""
        spent = dict(self._spent)
        for run in open_runs:
            spent[kind(run.device)] += self._new_seconds(run)
        wall = self._earlier + self.elapsed
        used = {"hours": wall, "cpu_hours": spent[CPU] * self._threads, "gpu_hours": spent[GPU] * self._gpus}
        for name, seconds in used.items():
            limit = getattr(self._section, name)
            if limit is not None and seconds >= 3600 * limit:
                return f"[budget] {name} = {limit:g}"
        return ""


def kind(device: str) -> str:
    """Return what a run's device counts as."""
    return CPU if device in ("", "cpu") else GPU


def _seconds(run: Run) -> float:
    return 0.0 if run.reused else sum(epoch.seconds for epoch in run.epochs)
