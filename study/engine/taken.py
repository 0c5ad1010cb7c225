"""Trials of ours that another tool ended while we had them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..stores.optuna_storage import SoleWriter


class TakenTrials:
    """Their numbers, noticed when a write is refused."""

    def __init__(self, storage: SoleWriter) -> None:
        self._storage = storage
        self._numbers: set[int] = set()

    def __contains__(self, number: int) -> bool:
        return number in self._numbers

    def add(self, number: int) -> None:
        """Note a trial that was seen to be ended."""
        self._numbers.add(number)

    @contextmanager
    def noticing(self, number: int) -> Iterator[None]:
        """Write of a trial of ours, unless another tool has ended it, which is noted."""
        from optuna.exceptions import UpdateFinishedTrialError

        try:
            yield
        except UpdateFinishedTrialError:
            self.add(number)
            self._storage.forget()
