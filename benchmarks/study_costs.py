"""Overhead of a study: CPU seconds of driver, Optuna and MLflow; the start of a worker; the time between two jobs.

`python -m benchmarks.study_costs study|bare RUNS HOME` runs this many simulated trainings of 20 epochs of 1 s, four at
a time, with or without a driver.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from statistics import median

from study.engine.driver import run_study
from study.spec.config import StudyConfig
from study.spec.parsing import parse_spec
from study.stores.connect import open_mlflow
from study.stores.home import Home
from study.workers.executors import LocalExecutor
from study.workers.jobs import LAST_EVENTS, EpochDone, Job
from trainers.checkpoint import CheckpointFolder
from trainers.data import Glyphs

from .measure import Row, seconds
from .setting import noise

TRAINER, LOADER = "tests.study_tests.stand_in:train", "tests.study_tests.stand_in:load"
NOISE_LOADER = "benchmarks.setting:load_noise"
EPOCHS, EPOCH_SECONDS = 20, 1.0
AT_ONCE = 4
FEW, MANY = 4, 12
"""Runs of a short and a long study: the difference is the cost of the runs, without the start of driver and workers."""
STARTS = 3
JOBS = 12

SPEC = """
[study]
name = "costs"
[data]
source = "glyphs"
[trainer]
budget = {{ epochs = {epochs}, iterations = 1 }}
model.filters = 8
inner.steps = 2
episodes.tasks = 2
evaluation.val_tasks = 2
[space]
"outer.lr" = {{ low = 1e-4, high = 1e-2, log = true }}
"inner.lr" = {{ low = 1e-2, high = 1.0, log = true }}
[pruner]
name = "median"
n_warmup_steps = {epochs}
[budget]
trials = {trials}
[execution]
workers = {workers}
"""
"""A search with TPE. The pruner is asked after every epoch and never stops a trial, so all trials have the same length.
"""
ABLATION = """
[study]
name = "costs"
[data]
source = "glyphs"
[trainer]
budget = { epochs = 3, iterations = 1 }
model.filters = 8
inner.steps = 2
episodes.tasks = 2
evaluation.val_tasks = 2
evaluation.test_tasks = 2
[ablation]
design = "arms"
seeds = 6
allow_underpowered = true
[[ablation.arms]]
name = "one"
[[ablation.arms]]
name = "other"
set.outer.lr = 0.002
[execution]
workers = 1
"""
"""Two arms with six seeds each."""


def rows(folder: Path | None) -> Iterator[Row]:
    """Yield the rows. There is nothing to compare with the paper's code in `folder`."""
    yield _driver()
    yield _start()
    yield _next_job("ablation")
    yield _next_job("search")


def spec(trials: int, workers: int, epochs: int = EPOCHS) -> StudyConfig:
    """Return the search."""
    return parse_spec(SPEC.format(trials=trials, workers=workers, epochs=epochs))


def _driver() -> Row:
    """Compare the CPU seconds of runs in a study with those of the same runs without one; all runs only sleep."""
    with tempfile.TemporaryDirectory() as place:
        kinds = [("study", MANY), ("study", FEW), ("bare", MANY), ("bare", FEW)]
        children = [_start_child(kind, runs, f"{place}/{kind}-{runs}") for kind, runs in kinds]
        many, few, bare_many, bare_few = map(_cpu_seconds, children)
    with_driver, without = (many - few) / (MANY - FEW), (bare_many - bare_few) / (MANY - FEW)
    what = f"what driver, Optuna and MLflow add to a run of {EPOCHS} epochs of {EPOCH_SECONDS:.0f} s"
    detail = f"CPU seconds a run: {with_driver:.3f} with a driver, {without:.3f} without"
    share = 100 * (with_driver - without) / (EPOCHS * EPOCH_SECONDS)
    return Row(what, share, "%", 2.0, 0.5, detail, MANY - FEW)


def _start_child(kind: str, runs: int, home: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "benchmarks.study_costs", kind, str(runs), home]
    environment = {**os.environ, "STAND_IN_SECONDS": str(EPOCH_SECONDS), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)


def _cpu_seconds(child: subprocess.Popen[bytes]) -> float:
    """Return the CPU seconds of an ended process and its children."""
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"{child.args!r} ended with {child.returncode}")
    return usage.ru_utime + usage.ru_stime


def _start() -> Row:
    """Time the start of a worker, from the driver's decision to the first iteration."""
    with tempfile.TemporaryDirectory() as place:
        waits = [_wait_of_a_new_worker(Path(place) / str(number)) for number in range(STARTS)]
    what = "from the start of a worker to its first iteration"
    return Row(what, median(waits), "s", 6.0, 3.0, f"{seconds(min(waits))} to {seconds(max(waits))}", STARTS)


def _wait_of_a_new_worker(folder: Path) -> float:
    config = spec(1, 1, epochs=1).base.model_dump_json()
    job = Job(
        key="0/0", label="first", config=config, seed=0, data=Glyphs().model_dump_json(), data_folder=folder,
        data_checksum=noise().checksum, checkpoint=folder / "cell", token="first", test=False, loader=NOISE_LOADER,
    )  # fmt: skip
    workers = LocalExecutor(1, 1, folder)
    began = time.time()
    workers.submit(job)
    first = None
    while True:
        for key, event in workers.wait(60.0):
            if isinstance(event, EpochDone):
                first = event.result.finished_at - event.result.seconds
                workers.answer(key, "go")
            elif isinstance(event, LAST_EVENTS):
                workers.close()
                assert first is not None, event
                return first - began


def _next_job(kind: str) -> Row:
    """Time the gap between a worker's jobs, from the end of a run's last epoch to the first epoch of the next run."""
    study = spec(JOBS, 1, epochs=3) if kind == "search" else parse_spec(ABLATION)
    with tempfile.TemporaryDirectory() as place:
        home = Home(Path(place))
        run_study(study, home, lambda snapshot: None, loader=NOISE_LOADER)
        spans = sorted(_spans(home))
    gaps = [begin - end for (_, end), (begin, _) in pairwise(spans[1:])]
    what = f"from one job of a worker to the next, {kind}"
    return Row(what, median(gaps), "s", 0.1, None, f"{seconds(min(gaps))} to {seconds(max(gaps))}", len(gaps))


def _spans(home: Home) -> Iterator[tuple[float, float]]:
    """Yield the start of the first epoch and the end of the last epoch of each run."""
    from reports.records import EPOCH_SECONDS as LENGTH
    from reports.records import ROLE_RUN, TAG_ROLE

    client = open_mlflow(home)
    experiment = client.get_experiment_by_name("costs").experiment_id
    for run in client.search_runs([experiment], f"tags.{TAG_ROLE} = '{ROLE_RUN}'"):
        lengths = {point.step: point for point in client.get_metric_history(run.info.run_id, LENGTH)}
        first, last = lengths[min(lengths)], lengths[max(lengths)]
        yield first.timestamp / 1000 - first.value, last.timestamp / 1000


def study(runs: int, home: Path) -> None:
    """Run a study of simulated trainings."""
    run_study(spec(runs, AT_ONCE), Home(home), lambda snapshot: None, trainer=TRAINER, loader=LOADER)


def bare(runs: int, home: Path) -> None:
    """Run the simulated trainings with their checkpoints, and nothing else."""
    from tests.study_tests.stand_in import load, train

    config, data = spec(runs, AT_ONCE).base, load(Glyphs(), home)

    def one(seed: int) -> None:
        list(train(config, seed, data, checkpoint=CheckpointFolder(home / str(seed)), test=False))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(one, range(runs)))


if __name__ == "__main__":
    {"study": study, "bare": bare}[sys.argv[1]](int(sys.argv[2]), Path(sys.argv[3]))
