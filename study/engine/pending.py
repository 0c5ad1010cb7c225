"""Events that no store could take yet, in their order: in memory and, so that they outlive the driver, in the study's
journal.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator

from reports.records import EndState

from ..workers.jobs import Ended, EpochDone, Event, Finished
from .journal import Journal, RunKey
from .run import Run


class Pending:
    """What waits to be written into the stores.

    What the journal could not take is taken from the checkpoints by the next start.
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
        """How many runs ended by what waits, by their state."""
        return Counter(end for _, event in self._events if (end := end_of(event)))

    @property
    def counted(self) -> str:
        """How many events wait, as the beginning of a sentence: "1 event is"."""
        return "1 event is" if len(self) == 1 else f"{len(self)} events are"

    @property
    def unsaved(self) -> str:
        """What is in no store and not in the journal, and why; empty if all is kept."""
        if not (self._events and self._unkept):
            return ""
        return f"{self.counted} in no database, and {self._journal.path} cannot be written ({self._unkept})"

    def add(self, run: Run, event: Event) -> None:
        """Let an event wait; the journal has all epochs of its run, so that it can be read alone."""
        first = all(run is not other for other, _ in self._events)
        self._events.append((run, event))
        self._keep(run, [*(_epochs(run) if first else ()), event])

    def done(self) -> None:
        """Forget the first event, which is written."""
        self._events.popleft()

    def keep(self) -> None:
        """Write all that waits into the journal, if it could not take a part before."""
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
    """Return the state in which a run ends by the event, None if it goes on."""
    match event:
        case Finished():
            return "complete"
        case Ended(state=state):
            return state
    return None


def _epochs(run: Run) -> list[Event]:
    return [EpochDone(epoch) for epoch in run.epochs]
