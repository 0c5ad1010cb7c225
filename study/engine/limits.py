"""Spending limits of a study: no new run starts once one of them is reached."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from ..spec.sections import BudgetSection, ExecutionSection
from .run import Run

CPU, GPU = "cpu", "gpu"


class SpendingLimits:
    """The limits in [budget] except `trials`, which belongs to the plan.

    Hours are wall-clock time while a driver runs, over all starts. Device hours are the time of all epochs over all
    starts, times cores or times a run's share of a GPU. A result reused from another study counts nothing; a run that
    lost its worker counts the epochs in its checkpoint.

    Args:
        section, execution: of the spec.
        spent: seconds of the runs that ended before this start, by `CPU` and `GPU`.
        earlier: wall-clock seconds of earlier starts.
    """

    def __init__(
        self, section: BudgetSection, execution: ExecutionSection, spent: Mapping[str, float], earlier: float = 0.0
    ) -> None:
        self._section, self._threads = section, execution.threads
        self.gpus_per_run = 1.0
        """As the executor's."""
        self._spent = {CPU: spent.get(CPU, 0.0), GPU: spent.get(GPU, 0.0)}
        self._earlier, self._began = earlier, time.monotonic()
        self._stopped: dict[int, float] = {}
        """Seconds of trials that were stopped and may go on; a run that takes one up has them, too."""

    @property
    def elapsed(self) -> float:
        """Seconds since this start."""
        return time.monotonic() - self._began

    def add(self, run: Run) -> None:
        """Count an ended run."""
        self._spent[kind(run.device)] += self._new_seconds(run)
        if run.end == "pruned":
            self._stopped[run.plan.trial] = _seconds(run)

    def _new_seconds(self, run: Run) -> float:
        before = 0.0 if run.plan.continues is None else self._stopped.get(run.plan.continues, 0.0)
        return max(0.0, _seconds(run) - before)

    def reached(self, open_runs: Iterable[Run]) -> str:
        """Return the limit that is reached, such as "[budget] hours = 2"; empty if none."""
        spent = dict(self._spent)
        for run in open_runs:
            spent[kind(run.device)] += self._new_seconds(run)
        wall = self._earlier + self.elapsed
        used = {"hours": wall, "cpu_hours": spent[CPU] * self._threads, "gpu_hours": spent[GPU] * self.gpus_per_run}
        for name, seconds in used.items():
            limit = getattr(self._section, name)
            if limit is not None and seconds >= 3600 * limit:
                return f"[budget] {name} = {limit:g}"
        return ""


def kind(device: str) -> str:
    """Return whether a run's device counts as `CPU` or `GPU`."""
    return CPU if device in ("", "cpu") else GPU


def _seconds(run: Run) -> float:
    return 0.0 if run.reused else sum(epoch.seconds for epoch in run.epochs)
