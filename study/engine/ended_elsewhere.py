"""Our trials that another tool ended while they were running or waiting."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..stores.optuna_storage import SoleWriter


class EndedElsewhere:
    """The numbers of these trials, recorded when Optuna rejects a write."""

    def __init__(self, storage: SoleWriter) -> None:
        self._storage = storage
        self._numbers: set[int] = set()

    def __contains__(self, number: int) -> bool:
        return number in self._numbers

    def add(self, number: int) -> None:
        """Record a trial that is found ended."""
        self._numbers.add(number)

    @contextmanager
    def recording(self, number: int) -> Iterator[None]:
        """Within the block, a rejected write to trial `number` records it instead of raising."""
        from optuna.exceptions import UpdateFinishedTrialError

        try:
            yield
        except UpdateFinishedTrialError:
            self.add(number)
            self._storage.forget()
