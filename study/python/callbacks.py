"""User callbacks after each ended run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from trainers.error_messages import show
from trainers.errors import InputError

from ..display import View
from ..engine.progress import EndedRun, StudyProgress
from ..stopping import StopSignals

Callback = Callable[[StudyProgress, EndedRun], object]
"""Called as `callback(progress, run)`; its return value is ignored."""


def functions(callbacks: Callback | Iterable[Callback]) -> tuple[Callback, ...]:
    """Return one callback, or several, as a tuple. Raises InputError for what is no function."""
    several = isinstance(callbacks, Iterable) and not callable(callbacks)
    given: Any = callbacks if several else [callbacks]
    found = tuple(given)
    if wrong := [one for one in found if not callable(one)]:
        raise InputError(f"callbacks: each must be a function of (progress, run), not {show(wrong[0])}")
    return found


class Callbacks:
    """A view that forwards progress to another view, and calls the callbacks for each ended run.

    The first exception of a callback is stored and `stop` is requested; raising it inside the driver would lose the
    epochs in progress.
    """

    def __init__(self, callbacks: tuple[Callback, ...], view: View, stop: StopSignals) -> None:
        self._callbacks, self._view, self._stop = callbacks, view, stop
        self._error: BaseException | None = None

    def __call__(self, progress: StudyProgress) -> None:
        """Show the progress, and call back for each run that has just ended."""
        self._view(progress)
        for row, state in progress.just_ended:
            for callback in self._callbacks:
                if self._error is None:
                    self._call(callback, progress, EndedRun.of(row, state))

    def _call(self, callback: Callback, progress: StudyProgress, run: EndedRun) -> None:
        try:
            callback(progress, run)
        except BaseException as error:  # also a KeyboardInterrupt
            self._error = error
            self._stop.request()

    def raise_error(self) -> None:
        """Raise the stored exception of a callback, if any."""
        if self._error is not None:
            raise self._error
