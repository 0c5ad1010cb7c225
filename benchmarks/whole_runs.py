"""Four small trainings to the end on two cores, by both implementations: data loading, validation and test included.

Ours run as `mamlab ablate` in an empty home, with two workers of one thread each. The paper's code runs one training
after another with two threads, each in a separate process. Both read the same folder of images.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from .measure import Row, seconds
from .reference import EPOCHS, EVALUATED, ITERATIONS
from .setting import Setting, noise

REPEATS = 2
RUNS = 4
CLASSES = {"train": 60, "val": 20, "test": 20}

SPEC = f"""
[study]
name = "four"
[data]
source = "image_folder"
path = "IMAGES"
size = 28
grayscale = true
rotations = "augment"
[trainer]
preset = "mamlpp_released"
budget = {{ epochs = {EPOCHS}, iterations = {ITERATIONS} }}
evaluation = {{ val_tasks = {EVALUATED}, test_tasks = {EVALUATED}, top_k = 5 }}
[ablation]
design = "arms"
seeds = 2
allow_underpowered = true
[[ablation.arms]]
name = "one"
[[ablation.arms]]
name = "two"
set = {{ "outer.lr" = 0.002 }}
[execution]
workers = 2
threads = 1
"""
"""Two arms and two seeds, all of the same size."""


def rows(folder: Path) -> Iterator[Row]:
    """Yield the one row."""
    with tempfile.TemporaryDirectory() as place:
        images = Path(place) / "images"
        draw(images)
        ours, theirs = [], []
        for turn in range(REPEATS):
            ours.append(_ours(Path(place) / f"ours-{turn}", images))
            theirs.append(_theirs(Path(place) / f"theirs-{turn}", images))
    tasks = Setting().tasks
    what = (
        f"{RUNS} runs to the end on 2 cores: 5-way, {EPOCHS} epochs x {ITERATIONS} iterations of {tasks} tasks, "
        f"{EVALUATED} validation tasks an epoch and {EVALUATED} test tasks"
    )
    detail = f"{seconds(median(ours))} against {seconds(median(theirs))}"
    yield Row(what, median(ours) / median(theirs), "x", 0.45, 0.25, detail, REPEATS)


def draw(folder: Path) -> None:
    """Write the noise as PNG files: split / class / image."""
    from PIL import Image

    data, first = noise(), 0
    for split, count in CLASSES.items():
        for one in data.splits["train"][first : first + count]:
            place = folder / split / f"class{one.name}"
            place.mkdir(parents=True)
            for number in range(one.count):
                pixels = data.images[one.first + number, 0].numpy()
                Image.fromarray(pixels).save(place / f"{number}.png")
        first += count


def _ours(home: Path, images: Path) -> float:
    spec = images.parent / "four.toml"
    spec.write_text(SPEC.replace("IMAGES", str(images)))
    return _timed(["study.cli", "ablate", str(spec), "--home", str(home), "--quiet"], {})


def _theirs(place: Path, images: Path) -> float:
    place.mkdir()
    return sum(
        _timed(["benchmarks.reference", str(images), str(place / str(run)), str(run)], {"OMP_NUM_THREADS": "2"})
        for run in range(RUNS)
    )


def _timed(command: list[str], environment: dict[str, str]) -> float:
    """Return the wall-clock seconds of `python -m command`. Raises RuntimeError with its last lines of output if it
    fails.
    """
    before = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", *command], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{(done.stdout + done.stderr)[-2000:]}")
    return time.perf_counter() - before
