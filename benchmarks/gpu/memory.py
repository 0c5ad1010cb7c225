"""Out of memory on the card, and the second try, through the worker's own code."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch

from trainers.arithmetic import arithmetic
from trainers.evaluation import evaluate

from ..setting import Setting, noise
from .rows import Place, Row
from .settings import config, first, sizes, start

SHARE = 0.7
"""Part of a meta-batch's memory that is left for it."""


def rows(place: Place) -> Iterator[Row]:
    """Yield the peak of an iteration, then how a run ends that has less."""
    if not place.cuda:
        yield Row("out of memory", "left out", "needs a GPU")
        return
    base, peak = _peak(place)
    yield Row("memory of an iteration", f"{(peak - base) / 2**20:.0f} MiB", f"beside {base / 2**20:.0f} MiB")
    for name, setting in sizes(place).items():
        yield _of_a_task(place, name, setting)
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction((base + SHARE * (peak - base)) / total)
    for halve, wanted in ((False, "Ended: out_of_memory"), (True, "EpochDone")):
        found = _ends(place, halve)
        what = f"{SHARE} of that memory, " + ("half of the tasks together" if halve else "all tasks together")
        yield Row(what, found, "as it should") if found == wanted else Row(what, f"FAILED: {found}", f"not {wanted}")


def _of_a_task(place: Place, name: str, setting: Setting) -> Row:
    """Return the memory that a task needs in training and in evaluation."""
    run = start(place, setting, graphs="off")
    tasks, base = run.tasks_of(0, 0), torch.cuda.memory_allocated()
    with arithmetic(run.config):
        torch.cuda.reset_peak_memory_stats()
        run.iterate(0, tasks)
        trained = torch.cuda.max_memory_allocated() - base
        torch.cuda.reset_peak_memory_stats()
        count = min(600, run.evaluated_at_once)
        evaluate(run.learner, [run.snapshot(1)], run.streams["val"], count, count)
        scored = torch.cuda.max_memory_allocated() - base
    value = f"training {trained / setting.tasks / 2**20:.1f} MiB, evaluation {scored / count / 2**20:.1f} MiB"
    return Row(f"memory of a task, {name}", value, f"{count} evaluated together, {run.evaluated_at_once} would be")


def _peak(place: Place) -> tuple[int, int]:
    run = start(place, first(place), graphs="off")
    tasks = run.tasks_of(0, 0)
    base = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    with arithmetic(run.config):
        run.iterate(0, tasks)
    place.wait()
    return base, torch.cuda.max_memory_allocated()


def _ends(place: Place, halve: bool) -> str:
    """Return the name of the event that a run's first epoch ends in."""
    from study.workers.jobs import Ended, EpochDone, Job
    from study.workers.worker import run_job

    short = config(place, first(place), **{"budget.epochs": 1, "budget.iterations": 5, "evaluation.val_tasks": 8})
    with tempfile.TemporaryDirectory() as folder:
        job = Job(
            key="0/0", label="out of memory", config=short.model_dump_json(), seed=0, data='{"source": "glyphs"}',
            data_folder=Path(folder), data_checksum=noise().checksum, checkpoint=Path(folder) / "run", token="",
            halve=halve, loader="benchmarks.setting:load_noise", trainer="trainers.training:train",
        )  # fmt: skip
        for event in run_job(job):
            if isinstance(event, Ended):
                return f"Ended: {event.state}"
            if isinstance(event, EpochDone):
                return "EpochDone"
    return "nothing"
