"""Ctrl-C, SIGTERM and a closed terminal as something that the driver asks about, not something that hits it."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

_entered: list[StopSignals] = []


def stop_signals() -> list[signal.Signals]:
    """Return what ends a command, also where a parent had it ignored; but a closed terminal does not end one of
    `nohup`.
    """
    kept = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    return [signal.SIGINT, signal.SIGTERM, *([] if kept else [signal.SIGHUP])]


class StopSignals:
    """Counts stop signals while it is entered, in the main thread only; the old handlers come back at the end."""

    def __init__(self) -> None:
        self.count = 0
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._note) for number in stop_signals()}
            _entered.append(self)
        return self

    def __exit__(self, *exception: object) -> None:
        if self in _entered:
            _entered.remove(self)
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)  # None: not set from Python

    def request(self) -> None:
        """Ask for a stop as a signal does."""
        self.count += 1

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.count += 1


def raise_if_stopped() -> None:
    """Raise KeyboardInterrupt if a stop signal was only counted: for who waits, deep in a call, for another process."""
    if threading.current_thread() is threading.main_thread() and any(stop.count for stop in _entered):
        raise KeyboardInterrupt
