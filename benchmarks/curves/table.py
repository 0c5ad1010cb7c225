"""The table of curves: a Parquet file with one row per epoch of a config."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from search_spaces.trials import FixedParams
from study.spec.config import StudyConfig
from study.stores.connect import open_trials
from study.stores.home import Home

from .judging import judged
from .problems import params_of, study_of

ACCURACIES = ("val_accuracy", "judged_accuracy")


def known_configs(problem: str, folder: Path) -> set[int]:
    """Return the numbers of the configs in a problem's table; none if there is no table in `folder`."""
    file = folder / f"{problem}.parquet"
    return set(pd.read_parquet(file, columns=["config"]).config) if file.exists() else set()


def add_to_table(config: StudyConfig, home: Home, problem: str, numbers: Sequence[int], folder: Path) -> int:
    """Add the finished and scored configs of a block to the problem's table in `folder`, and write its spec; return the
    number of configs in the table.

    `numbers` are the config numbers of the block's trials.
    """
    scores = judged(config, home)
    trials = [trial for trial in open_trials(home, config.study.name)[0] if trial.number in scores]
    search = study_of(problem, 1)
    rows = [row for t in trials for row in _rows(search, numbers[t.number], t, scores[t.number])]
    if not rows:  # stopped at once
        return len(known_configs(problem, folder))
    file, added = folder / f"{problem}.parquet", pd.DataFrame(rows)
    frame = pd.concat([pd.read_parquet(file), added], ignore_index=True) if file.exists() else added
    frame = frame.sort_values(["config", "epoch"]).astype(dict.fromkeys(("compute", *ACCURACIES), "float32"))
    folder.mkdir(parents=True, exist_ok=True)
    frame.to_parquet(file, index=False, compression="zstd")
    found = frame.config.nunique()
    (folder / f"{problem}.toml").write_text(study_of(problem, found).spec_text)
    return int(found)


def _rows(search: StudyConfig, number: int, trial: Any, scores: list[float]) -> list[dict[str, Any]]:
    """Return the rows of the search's config `number` from the trial that trained it, at least one.

    A training that diverged has fewer epochs; if it diverged in its first epoch, it has a single row for epoch 0
    without accuracies.
    """
    assert search.space is not None
    params = params_of(search, number)
    trained, _ = search.space.suggest(FixedParams(params), search.base_tree)
    seen = trial.intermediate_values
    ended = trial.state.name.lower()
    known = {"config": number, "state": "complete" if ended == "complete" else "diverged"}
    epochs = [
        {
            **known,
            "epoch": epoch,
            "compute": search.compute(trained, epoch),
            "val_accuracy": seen[epoch],
            "judged_accuracy": scores[epoch - 1],
            **params,
        }
        for epoch in sorted(seen)
    ]
    nothing = {"epoch": 0, "compute": search.compute(trained, 1), **dict.fromkeys(ACCURACIES)}
    return epochs or [{**known, **nothing, **params}]
