"""Checks that both implementations compute the same: the losses of three meta-steps, in float64, from the same weights
on the same tasks, at a small size.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from trainers.overrides import merge, normalise
from trainers.training_run import TrainingRun

from .measure import Row
from .reference import Reference
from .setting import AFTER_MSL, IN_MSL, Setting, noise

LIMIT = 1e-9
STEPS = 3


def rows(folder: Path) -> list[Row]:
    """Return the largest relative difference of the losses, for each kind of iteration that is timed."""
    small = Setting(tasks=2, filters=8, steps=3, precision="float64")
    kinds = {
        "second order, MSL": (small, IN_MSL),
        "second order, after MSL": (small, AFTER_MSL),
        "first order, MSL": (replace(small, second_order=False), IN_MSL),
    }
    return [_row(folder, name, setting, epoch) for name, (setting, epoch) in kinds.items()]


def _row(folder: Path, name: str, setting: Setting, epoch: int) -> Row:
    constant = normalise(merge(setting.tree(), {"ca": "off"}))[0]  # as theirs is taken below
    run, before = TrainingRun(constant, 0, noise()), torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # the paper's code makes its constants of this type
    try:
        peer = Reference(folder, setting)
        peer.take_weights(run)
        pairs = []
        for iteration in range(STEPS):
            tasks = run.streams["train"].batch((iteration, task) for task in range(setting.tasks))
            pairs.append((float(run.iterate(epoch, tasks)[0]), peer.exact_iterate(peer.batch(tasks), epoch)))
    finally:
        torch.set_default_dtype(before)
    worst = max(abs(ours - theirs) / abs(theirs) for ours, theirs in pairs)
    losses = ", ".join(f"{ours:.6f}" for ours, _ in pairs)
    return Row(f"losses of {STEPS} meta-steps, {name}", worst, "relative", LIMIT, None, f"losses {losses}")
