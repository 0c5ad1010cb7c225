"""Stop signals: Ctrl-C, SIGTERM and SIGHUP set a flag that the driver polls."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

_entered: list[StopSignals] = []


def stop_signals() -> list[signal.Signals]:
    """Return the stop signals, even if the parent process ignored them; except SIGHUP under `nohup`."""
    kept = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    return [signal.SIGINT, signal.SIGTERM, *([] if kept else [signal.SIGHUP])]


class StopSignals:
    """Context manager that counts stop signals (main thread only) and then restores the old handlers."""

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
        """Request a stop, like a signal."""
        self.count += 1

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.count += 1


def raise_if_stopped() -> None:
    """Raise KeyboardInterrupt if a stop signal was counted: for loops that wait deep inside a call."""
    if threading.current_thread() is threading.main_thread() and any(stop.count for stop in _entered):
        raise KeyboardInterrupt
