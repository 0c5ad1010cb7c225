"""The problems of the table of curves, fixed before the first training: data, trainer, space; and their configs."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from typing import Any

import optuna
import pandas as pd
import tomli_w

from search_spaces.trials import FixedParams
from study.engine.sampling import trial_sampler
from study.spec.config import StudyConfig
from study.spec.parsing import parse_spec
from study.stores.home import Home
from study.warm_start import warm_started

from .pictures import draw_pictures

PROBLEMS = {
    "glyphs": 'source = "glyphs"',
    "omniglot": 'source = "omniglot"',
    "pictures": 'source = "image_folder"\npath = "pictures"\nsize = 28',
}
"""The problems' data. `pictures` draws the images."""
SPEC = """
[study]
name = "curves-{problem}"
seed = 0
enqueue = []
[data]
{data}
[trainer]
preset = "mamlpp"
episodes = {{ ways = 5, shots = 1, queries = 2, tasks = 4 }}
model.filters = 8
budget = {{ epochs = 9, iterations = 5 }}
evaluation = {{ val_tasks = 32, top_k = 1 }}
tasks_at_once = 4
device = "cpu"
[space]
preset = "mamlpp"
[space."inner.steps"]
low = 1
high = 3
[sampler]
name = "random"
[pruner]
name = "none"
[budget]
trials = {trials}
[execution]
workers = 1
keep = "all"
"""


def study_of(problem: str, trials: int) -> StudyConfig:
    """Return a problem's search: `trials` random configs without pruning."""
    return parse_spec(SPEC.format(problem=problem, trials=trials, data=PROBLEMS[problem]))


def block_of(problem: str, numbers: Sequence[int], home: Home) -> StudyConfig:
    """Return the study in `home` that trains the configs `numbers` of a problem's search.

    The configs are enqueued from a file, so a block needs nothing of the blocks before it.
    """
    name, every = f"curves-{problem}-{numbers[0]}-{numbers[-1]}", study_of(problem, 1)
    effective = pd.DataFrame([_effective(every, params_of(every, number)) for number in numbers])
    effective.to_csv(home.root / f"{name}.csv", index=False)
    spec = tomllib.loads(every.spec_text)
    spec["study"] |= {"name": name, "enqueue": [{"csv": str(home.root / f"{name}.csv")}]}
    spec["budget"]["trials"] = len(numbers)
    if problem == "pictures":
        spec["data"]["path"] = str(draw_pictures(home.data / "curves"))
    return warm_started(parse_spec(tomli_w.dumps(spec)), home)


def params_of(config: StudyConfig, number: int) -> dict[str, Any]:
    """Return the parameters that the search `config` samples at random for its trial `number`."""
    assert config.space is not None
    trial = optuna.create_study(sampler=trial_sampler(config, number)).ask()
    config.space.suggest(trial, config.base_tree)
    return trial.params


def _effective(config: StudyConfig, params: dict[str, Any]) -> dict[str, Any]:
    """Return parameters of the same config in which every value has an effect, as an enqueued config must have."""
    assert config.space is not None
    trained, _ = config.space.suggest(FixedParams(params), config.base_tree)
    return config.space.params_of(trained, config.base_tree)
