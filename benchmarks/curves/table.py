"""The table of curves: a Parquet file with one row per epoch of a config."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from search_spaces.trials import FixedParams
from study.spec.config import StudyConfig
from study.stores.connect import open_trials
from study.stores.home import Home

from .judging import judged
from .problems import study_of

ACCURACIES = ("val_accuracy", "judged_accuracy")


def write_table(home: Home, problem: str, folder: Path) -> int:
    """Write a problem's finished and scored configs into `folder`, with their spec; return their number."""
    config, scores = study_of(problem, 1), judged(home, problem)
    trials = [trial for trial in open_trials(home, config.study.name)[0] if trial.number in scores]
    rows = [row for trial in trials for row in _rows(config, trial, scores[trial.number])]
    frame = pd.DataFrame(rows).astype(dict.fromkeys(("compute", *ACCURACIES), "float32"))
    folder.mkdir(parents=True, exist_ok=True)
    frame.to_parquet(folder / f"{problem}.parquet", index=False, compression="zstd")
    (folder / f"{problem}.toml").write_text(config.spec_text.replace("trials = 1\n", f"trials = {len(trials)}\n"))
    return len(trials)


def _rows(config: StudyConfig, trial: Any, scores: list[float]) -> list[dict[str, Any]]:
    """Return the rows of a trial, at least one. A training that diverged has fewer epochs; if it diverged in its first
    epoch, it has a single row for epoch 0 without accuracies.
    """
    assert config.space is not None
    trained, _ = config.space.suggest(FixedParams(trial.params), config.base_tree)
    seen = trial.intermediate_values
    ended = trial.state.name.lower()
    known = {"config": trial.number, "state": "complete" if ended == "complete" else "diverged"}
    epochs = [
        {
            **known,
            "epoch": epoch,
            "compute": config.compute(trained, epoch),
            "val_accuracy": seen[epoch],
            "judged_accuracy": scores[epoch - 1],
            **trial.params,
        }
        for epoch in sorted(seen)
    ]
    nothing = {"epoch": 0, "compute": config.compute(trained, 1), **dict.fromkeys(ACCURACIES)}
    return epochs or [{**known, **nothing, **trial.params}]
