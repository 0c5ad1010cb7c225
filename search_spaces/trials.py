"""The part of Optuna's trial interface used here, and two trials that need no study."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import Any, Protocol


class Trial(Protocol):
    """The part of an Optuna trial that is used here."""

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Return a float in [low, high]."""
        ...

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """Return an int in [low, high]."""
        ...

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        """Return one of `choices`."""
        ...


class FixedParams:
    """A trial with given values; raises KeyError for any other parameter."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        self.params = params

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Return the given value."""
        return float(self.params[name])

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """Return the given value."""
        return int(self.params[name])

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        """Return the given value."""
        return self.params[name]


class RandomParams:
    """A trial that draws values uniformly, on the scale of each dimension, from `draws`."""

    def __init__(self, draws: random.Random) -> None:
        self._draws = draws

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Return a float in [low, high]."""
        if log:
            return min(high, max(low, math.exp(self._draws.uniform(math.log(low), math.log(high)))))
        if step:
            return min(high, low + step * self._draws.randint(0, math.floor((high - low) / step + 1e-9)))
        return self._draws.uniform(low, high)

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """Return an int in [low, high]."""
        if log:
            return round(self.suggest_float(name, low, high, log=True))
        return low + step * self._draws.randint(0, (high - low) // step)

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        """Return one of `choices`."""
        return self._draws.choice(choices)
