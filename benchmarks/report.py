"""Time a report over many runs: `python -m benchmarks.report [--runs 10000] [--tasks 600] [--exported 200]`.

Generates the files of a study (runs.csv, per_task.parquet, curves.parquet). Then measures, each in a separate process
to get its own peak memory, the report from these files, for an ablation and for a search. It must take less than 15 s
and 2 GB. CPU seconds are printed beside wall-clock seconds, which depend on the machine's load. Last, it measures the
export from an MLflow store to such files: all runs new, none changed, one changed.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import platform
import resource
import subprocess
import tempfile
import time
from array import array
from collections.abc import Callable
from pathlib import Path

import numpy as np

from reports import records as names
from reports.build import build_report
from reports.data.files import write_files
from reports.data.loading import from_files, from_mlflow
from reports.data.manifest import REPORT
from reports.data.output_folder import Contents, writing_into
from reports.data.series import Curve
from reports.records import Family, RunRecord, StudyInfo

EPOCHS = 100
SEEDS = 100
QUERIES = 20
TAGS = {
    names.TAG_DATA: "made by rule",
    names.TAG_DATA_CHECKSUM: "sha256:0",
    names.TAG_DEVICE: "cpu",
    names.TAG_VERSIONS: json.dumps({"python": platform.python_version()}),
}


def make_record(number: int, kind: str, tasks: int) -> RunRecord:
    """Return run `number`: one seed of an arm in an ablation, or a trial of a search, with `tasks` test tasks."""
    draw = np.random.default_rng(number)
    arm, seed = divmod(number, SEEDS)
    rates = {"outer.lr": 10 ** draw.uniform(-4, -2), "inner.lr": 10 ** draw.uniform(-2, 0), "inner.steps": 1 + arm % 5}
    level = 0.9 + 0.0005 * (arm % 60) + 0.01 * draw.standard_normal()
    per_task = draw.binomial(QUERIES, min(level, 0.99), tasks) / QUERIES
    by_epoch = level - 0.5 * 0.95 ** np.arange(1, EPOCHS + 1)
    steps, search = array("q", range(1, EPOCHS + 1)), kind == names.SEARCH
    metrics = {
        names.BEST_VAL_ACCURACY: level,
        names.EPOCHS_RUN: float(EPOCHS),
        names.SECONDS: 600.0,
        names.TEST_ACCURACY: float(per_task.mean()),
        names.TEST_ACCURACY_SE: float(per_task.std(ddof=1) / tasks**0.5),
    }
    return RunRecord(
        run_id=f"{number:032x}",
        experiment_id="1",
        study=kind,
        kind=kind,
        name=f"run {number}",
        arm=None if search else f"arm {arm:03d}",
        seed=0 if search else seed,
        trial=number,
        state=names.COMPLETE,
        fingerprint=f"{number:064x}",
        params={name: repr(value) for name, value in rates.items()},
        metrics=metrics,
        curves={
            metric: Curve(steps, array("d", by_epoch))
            for metric in (names.VAL_ACCURACY, names.VAL_LOSS, names.TRAIN_ACCURACY, names.TRAIN_LOSS)
        },
        per_task={names.SINGLE: array("d", per_task)},
        tags={**TAGS, names.TAG_STATE: names.COMPLETE},
        started_at=1e9 + number,
        ended_at=1e9 + number + 600.0,
    )


def study(kind: str, runs: int) -> StudyInfo:
    """Return the study info: every arm against the first, or the searched settings."""
    if kind == names.SEARCH:
        return StudyInfo(kind, kind, "1", searched=("inner.lr", "inner.steps", "outer.lr"))
    pairs = tuple((f"arm {arm:03d}", "arm 000") for arm in range(1, -(-runs // SEEDS)))
    return StudyInfo(kind, kind, "1", families=(Family("arms against arm 000", pairs),))


def report_seconds(folder: Path) -> float:
    """Return the seconds for making a whole report from the files in `folder`."""
    begin = time.perf_counter()
    info, records = from_files(folder)
    build_report(records, info, folder / "report")
    return time.perf_counter() - begin


def fill_store(uri: str, artifacts: Path, count: int, tasks: int) -> str:
    """Write `count` runs to a new MLflow store; return the id of one of them."""
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param, RunTag

    client = MlflowClient(uri)
    experiment = client.create_experiment(names.ABLATION, artifact_location=artifacts.as_uri())
    for number in range(count):
        record = make_record(number, names.ABLATION, tasks)
        tags = {**record.tags, names.TAG_ROLE: names.ROLE_RUN, names.TAG_ARM: str(record.arm)}
        run_id = client.create_run(experiment, tags={**tags, names.TAG_SEED: str(record.seed)}).info.run_id
        final = [Metric(metric, value, 1, EPOCHS) for metric, value in record.metrics.items()]
        points = [Metric(metric, v, 1, step) for metric, curve in record.curves.items() for step, v in curve]
        params = [Param(name, value) for name, value in record.params.items()]
        client.log_batch(run_id, [*final, *points], params, [RunTag("n", str(number))])
        client.log_dict(run_id, {name: list(values) for name, values in record.per_task.items()}, names.PER_TASK_FILE)
        for name in (names.SCHEDULES_FILE, names.INNER_RATES_FILE):
            client.log_dict(run_id, {}, name)
        client.set_terminated(run_id)
    return str(run_id)


def export_seconds(uri: str, folder: Path) -> float:
    """Return the seconds for exporting from MLflow to files in `folder`, which may contain an earlier export."""
    begin = time.perf_counter()
    info, records = from_mlflow(uri, names.ABLATION, exported=folder)
    with writing_into(folder, Contents(REPORT, info.name)) as place:
        write_files(records, info, place)
    return time.perf_counter() - begin


def measured(call: Callable[[Path], float], folder: Path) -> tuple[float, float, float]:
    """Return the result of `call` in a fresh process, the CPU seconds of the process, and its peak memory in GB."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_with_usage, (call, folder))


def _with_usage(call: Callable[[Path], float], folder: Path) -> tuple[float, float, float]:
    seconds = call(folder)
    return seconds, time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--tasks", type=int, default=600)
    parser.add_argument("--exported", type=int, default=200)
    options = parser.parse_args()
    print(_where())
    print("\n| what | runs | seconds | of the processor | peak memory, GB |\n|:--|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as folder:
        for kind in (names.ABLATION, names.SEARCH):
            place = Path(folder) / kind
            records = [make_record(number, kind, options.tasks) for number in range(options.runs)]
            write_files(records, study(kind, options.runs), place)
            del records
            seconds, cpu, memory = measured(report_seconds, place)
            what = f"report of the {kind} from files"
            print(f"| {what} | {options.runs} | {seconds:.1f} | {cpu:.1f} | {memory:.2f} |", flush=True)
        _exports(Path(folder), options.exported, options.tasks)


def _exports(folder: Path, count: int, tasks: int) -> None:
    from mlflow import MlflowClient

    uri, place = f"sqlite:///{folder}/mlflow.db", folder / "export"
    last = fill_store(uri, folder / "artifacts", count, tasks)
    print(f"| export from MLflow, all runs new | {count} | {export_seconds(uri, place):.1f} | | |")
    print(f"| export from MLflow, none changed | {count} | {export_seconds(uri, place):.1f} | | |")
    MlflowClient(uri).set_tag(last, "message", "changed")
    print(f"| export from MLflow, one changed | {count} | {export_seconds(uri, place):.1f} | | |")


def _where() -> str:
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or "unknown"
    cores = multiprocessing.cpu_count()
    return f"{platform.machine()}, {cores} cores, Python {platform.python_version()}, commit {commit}"


if __name__ == "__main__":
    main()
