"""The curves of one problem as arrays, read from its table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LENGTH = 9
"""Epochs of a whole training."""


@dataclass(frozen=True)
class Curves:
    """Configs by epochs: accuracies that a search sees, [N, LENGTH], those that only judge, and the compute of the
    first epochs, cumulative; NaN after a training diverged. `params` has a row a config, in the table's columns.
    """

    seen: Floats
    judged: Floats
    compute: Floats
    params: pd.DataFrame

    def __len__(self) -> int:
        return len(self.seen)

    def incumbent(self, config: int) -> tuple[float, float]:
        """Return what a search sees of a config that was trained to its end, its best epoch, and what that is worth."""
        epoch = int(np.nanargmax(self.seen[config]))
        return float(self.seen[config, epoch]), float(self.judged[config, epoch])

    def complete(self, config: int) -> bool:
        """Whether the training came to its end."""
        return not np.isnan(self.seen[config, -1])

    @property
    def full(self) -> float:
        """Return the mean compute of a training to the end; of one that diverged, what it took."""
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
    params = frame.drop_duplicates("config").drop(columns=known).reset_index(drop=True)
    return Curves(arrays[0], arrays[1], arrays[2], params)
