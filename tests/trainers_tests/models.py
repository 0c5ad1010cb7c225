"""An exported model that a toy training gave, with the run that it came from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.toy import EVERYTHING, toy_config, toy_data
from trainers.data import Glyphs
from trainers.data.preparation import preparation
from trainers.exported import ExportedModel
from trainers.training_run import TrainingRun


def trained(**overrides: Any) -> tuple[TrainingRun, ExportedModel]:
    """Return a toy run after two epochs, and its best epoch as a model: 3-way, images [1, 14, 14]."""
    settings: dict[str, Any] = {**EVERYTHING, "norm": {"queries": "running"}, "budget": {"epochs": 2}, **overrides}
    run = TrainingRun(toy_config(**settings), 0, toy_data())
    for _ in range(run.config.budget.epochs):
        run.epoch()
    best = run.best[0]
    weights = {name: weight.detach() for name, weight in best.weights.items()}
    return run, ExportedModel(run.config, preparation(Glyphs(), run.data), weights, best.statistics, {"study": "toy"})


def written(folder: Path, **overrides: Any) -> tuple[TrainingRun, Path]:
    """Return a toy run and the folder of its model."""
    run, model = trained(**overrides)
    model.write(folder)
    return run, folder
