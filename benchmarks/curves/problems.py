"""The problems of the table of curves, fixed before the first training: data, trainer, space."""

from __future__ import annotations

from pathlib import Path

from study.spec.config import StudyConfig
from study.spec.parsing import parse_spec

from .pictures import draw_pictures

PROBLEMS = {
    "glyphs": 'source = "glyphs"',
    "omniglot": 'source = "omniglot"',
    "pictures": 'source = "image_folder"\npath = "{folder}"\nsize = 28',
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


def study_of(problem: str, trials: int, data: Path | None = None) -> StudyConfig:
    """Return a problem's search: `trials` random configs without pruning. `data` is the folder of drawn images; None if
    nothing will be trained.
    """
    folder = draw_pictures(data / "curves") if data and problem == "pictures" else Path("pictures")
    return parse_spec(SPEC.format(problem=problem, trials=trials, data=PROBLEMS[problem].format(folder=folder)))
