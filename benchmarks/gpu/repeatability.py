"""The same numbers: twice, resumed, as graphs; and nothing waits for the GPU inside an epoch."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from trainers.arithmetic import arithmetic
from trainers.checkpoint import CheckpointFolder
from trainers.training import train

from ..setting import Setting, noise
from .rows import Place, Row
from .settings import SMALL, config, first, start

Losses = list[tuple[float, float]]
"""Of training and validation, by epoch."""
AGREE = 1e-9
"""Relative difference of losses in float64 that is rounding."""
SHORT: dict[str, Any] = {
    "budget.epochs": 4, "budget.iterations": 20, "msl.epochs": 2, "evaluation.val_tasks": 64,
}  # fmt: skip


def rows(place: Place) -> Iterator[Row]:
    """Yield whether trainings that should be the same are, bit for bit."""
    short = {**SHORT, "budget.iterations": 5 if place.quick else 20}
    once, twice = (_losses(place, short) for _ in range(2))
    yield _same("the same training twice", once, twice)
    with tempfile.TemporaryDirectory() as folder:
        _losses(place, short, Path(folder), stop=2)
        yield _same("resumed after 2 of 4 epochs", once, _losses(place, short, Path(folder)))
    if place.cuda:
        yield _same("without graphs", once, _losses(place, {**short, "graphs": "off"}))
        yield _waits(place)
        yield _against_the_cpu(place, {**short, "precision": "float64", "budget.iterations": 5})


def _against_the_cpu(place: Place, settings: dict[str, Any]) -> Row:
    ours = _losses(place, settings, setting=SMALL)
    pairs = zip(ours, _losses(replace(place, device="cpu"), settings, setting=SMALL), strict=True)
    worst = max(abs(a - b) / abs(b) for one, other in pairs for a, b in zip(one, other, strict=True))
    shown = f"{worst:.1e}" if worst <= AGREE else f"DIFFERS by {worst:.1e}"
    return Row("float64 losses of 4 epochs, GPU against CPU", shown, f"relative; {AGREE:.0e} or less is agreement")


def _losses(
    place: Place,
    settings: dict[str, Any],
    folder: Path | None = None,
    stop: int = 4,
    setting: Setting | None = None,
) -> Losses:
    seen = []
    checkpoint = CheckpointFolder(folder) if folder else None
    for epoch in train(
        config(place, setting or first(place), **settings), 0, noise(), checkpoint=checkpoint, test=False
    ):
        seen.append((epoch.train_loss, epoch.val_loss))
        if len(seen) == stop and stop < 4:
            break
    return seen


def _same(what: str, one: object, other: object) -> Row:
    return Row(what, "bit for bit" if one == other else "DIFFERS", "" if one == other else f"{one} and {other}"[:400])


def _waits(place: Place) -> Row:
    run = start(place, first(place))
    drawn = [run.tasks_of(0, iteration) for iteration in range(8)]
    with arithmetic(run.config):
        for tasks in drawn[:5]:
            run.iterate(0, tasks)
        torch.cuda.set_sync_debug_mode("error")
        try:
            for iteration in range(5, 8):
                run.iterate(0, run.tasks_of(0, iteration))
        except RuntimeError as error:
            return Row("waits inside an epoch", "FAILED: some", str(error)[:200])
        finally:
            torch.cuda.set_sync_debug_mode("default")
    return Row("waits inside an epoch", "none")
