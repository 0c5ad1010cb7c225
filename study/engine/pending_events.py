"""Pending events, not yet written to the stores: kept in order in memory, and in the journal to survive the driver."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator

from reports.records import EndState

from ..workers.jobs import Ended, EpochDone, Event, Finished
from .journal import Journal, RunKey
from .run import Run


class PendingEvents:
    """Events that wait to be written to the stores.

    If the journal cannot be written either, the next start recovers them from the checkpoints.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._events: deque[tuple[Run, Event]] = deque()
        self._unkept = ""

    def __len__(self) -> int:
        return len(self._events)

    def __iter__(self) -> Iterator[tuple[Run, Event]]:
        return iter(self._events)

    @property
    def ends(self) -> Counter[EndState]:
        """How many runs the pending events end, by state."""
        return Counter(end for _, event in self._events if (end := end_of(event)))

    @property
    def counted(self) -> str:
        """The number of pending events as the start of a sentence: "1 event is"."""
        return "1 event is" if len(self) == 1 else f"{len(self)} events are"

    @property
    def unsaved(self) -> str:
        """Which events are in neither store nor journal, and why; empty if none."""
        if not (self._events and self._unkept):
            return ""
        return f"{self.counted} not in the stores yet, and {self._journal.path} cannot be written ({self._unkept})"

    def add(self, run: Run, event: Event) -> None:
        """Queue an event; the journal also gets all epochs of its run, so that it is self-contained."""
        first = all(run is not other for other, _ in self._events)
        self._events.append((run, event))
        self._keep(run, [*(_epochs(run) if first else ()), event])

    def done(self) -> None:
        """Remove the first event, which has been written."""
        self._events.popleft()

    def keep(self) -> None:
        """Write all pending events to the journal if that failed before."""
        if self._unkept:
            self._unkept = ""
            for run, event in self._events:
                self._keep(run, [*_epochs(run), event])

    def _keep(self, run: Run, events: list[Event]) -> None:
        try:
            self._journal.add(RunKey.of(run.plan), events)
        except OSError as error:
            self._unkept = error.strerror or str(error)


def end_of(event: Event) -> EndState | None:
    """Return the state in which the event ends its run, None if the run continues."""
    match event:
        case Finished():
            return "complete"
        case Ended(state=state):
            return state
    return None


def _epochs(run: Run) -> list[Event]:
    return [EpochDone(epoch) for epoch in run.epochs]
