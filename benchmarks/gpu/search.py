"""A small search with pruning on Omniglot, by the command itself: several workers on one card, Optuna, MLflow."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import time
from collections.abc import Iterator

from .rows import Place, Row

NEEDED = ("optuna", "mlflow", "pandas", "matplotlib", "typer", "rich")
SPEC = """
[study]
name = "gpu"
[data]
source = "{source}"
[trainer]
preset = "mamlpp"
device = "{device}"
model.filters = {filters}
episodes.tasks = 4
budget = {{ epochs = {epochs}, iterations = {iterations} }}
evaluation = {{ val_tasks = {tasks}, test_tasks = {tasks}, top_k = 2 }}
[space]
preset = "mamlpp"
"inner.steps" = {{ low = 1, high = 2 }}
[pruner]
name = "median"
n_warmup_steps = 1
n_startup_trials = 2
[budget]
trials = {trials}
[execution]
threads = 1
{workers}
"""


def rows(place: Place) -> Iterator[Row]:
    """Yield how the search ended, and how its trials did."""
    absent = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if absent:
        yield Row("a search", "left out", f"not installed here: {', '.join(absent)}")
        return
    omniglot = place.luggage / "omniglot-py"
    source = "omniglot" if omniglot.is_dir() and not place.quick else "glyphs"
    home = place.out / "home"
    (home / "data").mkdir(parents=True, exist_ok=True)
    if source == "omniglot" and not (home / "data" / "omniglot-py").exists():
        (home / "data" / "omniglot-py").symlink_to(omniglot.resolve())
    sizes = {"filters": 4, "epochs": 2, "iterations": 2, "tasks": 8, "trials": 2} if place.quick else {
        "filters": 16, "epochs": 6, "iterations": 100, "tasks": 200, "trials": 16,
    }  # fmt: skip
    workers = "workers_per_gpu = 4" if place.cuda else "workers = 1"
    spec = place.out / "gpu.toml"
    spec.write_text(SPEC.format(source=source, device=place.device, workers=workers, **sizes))
    before = time.perf_counter()
    done = _mamlab("search", str(spec), "--home", str(home), "--quiet")
    took = time.perf_counter() - before
    (place.out / "search.txt").write_text(done.stdout + done.stderr)
    last = ((done.stdout + done.stderr).strip().splitlines() or [""])[-1]
    ended = "ok" if done.returncode == 0 else f"FAILED: {last.strip()[:160]}"
    yield Row(f"a search of {sizes['trials']} trials on {source}", ended, f"{took:.0f} s")
    status = _mamlab("status", "gpu", "--home", str(home)).stdout
    yield Row("its trials", " ".join(status.split())[:300])


def _mamlab(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "study.cli", *arguments], capture_output=True, text=True, check=False)
