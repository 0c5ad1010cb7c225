"""The curves of one problem as arrays, read from its table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LENGTH = 9
"""Epochs of a whole training."""


@dataclass(frozen=True)
class Curves:
    """Configs by epochs, [N, LENGTH]: the accuracies that a search sees, those that only judge, and the cumulative
    compute of the first epochs.

    After a training diverged, values are NaN. `params` has one row per config, by the config's number, and the table's
    columns.
    """

    seen: Floats
    judged: Floats
    compute: Floats
    params: pd.DataFrame

    def __len__(self) -> int:
        return len(self.seen)

    def incumbent(self, config: int) -> tuple[float, float]:
        """Return, for a config trained to its end, the accuracy that a search sees, its best epoch, and its judged
        accuracy.
        """
        epoch = int(np.nanargmax(self.seen[config]))
        return float(self.seen[config, epoch]), float(self.judged[config, epoch])

    def complete(self, config: int) -> bool:
        """Whether the training reached its last epoch."""
        return not np.isnan(self.seen[config, -1])

    def rows(self, configs: Sequence[int]) -> list[int]:
        """Return the rows of the configs with these numbers. Raises KeyError."""
        place = {number: row for row, number in enumerate(self.params.index)}
        return [place[config] for config in configs]

    def only(self, configs: Sequence[int]) -> Curves:
        """Return the curves of the configs with these numbers. Raises KeyError."""
        rows = self.rows(configs)
        return Curves(self.seen[rows], self.judged[rows], self.compute[rows], self.params.iloc[rows])

    def searched(self, row: int) -> dict[str, Any]:
        """Return the searched parameters of a config that have an effect in it."""
        return {str(name): value for name, value in self.params.iloc[row].dropna().items()}

    @property
    def full(self) -> float:
        """Return the mean compute of a whole training; a training that diverged counts with what it used."""
        return float(np.nanmax(self.compute, axis=1).mean())


def read_curves(file: Path) -> Curves:
    """Return a problem's curves. Raises OSError."""
    frame = pd.read_parquet(file)
    configs = frame.config.unique()
    shape = len(configs), LENGTH
    arrays = [np.full(shape, np.nan) for _ in range(3)]
    place = {config: row for row, config in enumerate(configs)}
    for name, array in zip(("val_accuracy", "judged_accuracy", "compute"), arrays, strict=True):
        rows, columns = frame.config.map(place).to_numpy(), np.maximum(frame.epoch.to_numpy(), 1) - 1
        array[rows, columns] = frame[name].to_numpy()
    known = {"config", "state", "epoch", "compute", "val_accuracy", "judged_accuracy"}
    params = frame.drop_duplicates("config").set_index("config").drop(columns=known - {"config"})
    return Curves(arrays[0], arrays[1], arrays[2], params)
