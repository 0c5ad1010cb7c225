"""The studies that faults are done to, their undisturbed results."""

from __future__ import annotations

import atexit
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from study.engine.driver import run_study
from study.engine.progress import StudyProgress
from study.spec.config import StudyConfig
from study.spec.parsing import parse_spec
from study.stores.home import Home
from study.workers.executors import Executor
from tests.study_tests.drivers import start
from tests.study_tests.store_rows import LOADER, TRAINER, ablation, fresh_home, local_workers, search
from tests.toy import toy_data
from trainers.data.classes import ClassData
from trainers.data.config import DataConfig

from .invariants import Results, results

ARMS = {"a": "{}", "b": '{ "outer.lr" = 0.1 }', "c": '{ "outer.lr" = 0.01 }', "d": '{ "outer.lr" = 0.02 }'}
SMALL = """
episodes = { ways = 3, tasks = 2 }
model = { filters = 4, blocks = 2 }
inner = { steps = 2 }
evaluation = { val_tasks = 6, test_tasks = 8, top_k = 2 }
device = "cpu"
"""


def toy(config: DataConfig, folder: Path) -> ClassData:
    """Return the toy data, whatever the spec names."""
    return toy_data()


@dataclass(frozen=True)
class Case:
    """A study, who trains it, and on what."""

    config: StudyConfig
    trials: int
    trainer: str = TRAINER
    loader: str = LOADER

    def run(
        self,
        home: Home,
        show: Callable[[StudyProgress], None] = lambda progress: None,
        executor: Executor | None = None,
    ) -> StudyProgress:
        """Run the study in this process, on workers that stay for the next call."""
        assert self.config.execution.workers != "auto"
        workers = executor or local_workers(self.config.execution.workers)
        return run_study(self.config, home, show, trainer=self.trainer, loader=self.loader, executor=workers)

    def start(self, home: Home) -> subprocess.Popen[bytes]:
        """Start the study's driver in a process and a process group of its own."""
        return start(self.config, home, trainer=self.trainer, loader=self.loader)


def hunt() -> Case:
    """A search by one worker, which must come out the same whatever happens: parameters, verdicts, numbers."""
    return Case(search(trials=10, workers=1), 10)


def looked() -> Case:
    """A search by one worker that looks at each trial for an epoch, and lets one in three go on to its end."""
    text = search(trials=9, workers=1).spec_text
    old = text[text.index("[pruner]") :].partition("\n[")[0]
    return Case(parse_spec(text.replace(old, '[pruner]\nname = "short_look"\none_in = 3')), 9)


def known() -> Case:
    """A search by one worker that tries the portfolio first."""
    text = search(trials=9, workers=1).spec_text
    rate = '"inner.lr" = { low = 0.01, high = 1.0, log = true }\n'
    return Case(parse_spec(text.replace('"inner.steps"', f'{rate}"inner.steps"')), 9)


def arms(name: str = "arms", retries: int = 1000, workers: int = 2, extra: str = "") -> Case:
    """An ablation of the stand-in by two workers."""
    config = ablation(ARMS, seeds=2, name=name, retries=retries, workers=workers)
    return Case(parse_spec(config.spec_text.replace("retries =", f"{extra}\nretries =")) if extra else config, 8)


def real() -> Case:
    """An ablation with the real trainer: tiny networks on toy data."""
    text = ablation(dict(list(ARMS.items())[:2]), seeds=2, name="real", retries=1000).spec_text
    old = "budget = { epochs = 3, iterations = 1 }"
    assert old in text
    text = text.replace(old, "budget = { epochs = 4, iterations = 4 }" + SMALL)
    return Case(parse_spec(text), 4, "trainers.training:train", "tests.fault_tests.cases:toy")


@cache
def calm(make: Callable[[], Case]) -> Results:
    """Return the numbers of the case's study when nothing happens to it."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    case, home = make(), fresh_home(folder)
    assert case.run(home).finished
    return results(home, case.config)


def new_home(folder: Path, name: object) -> Home:
    """Return a fresh home in `folder`."""
    place = folder / str(name)
    place.mkdir()
    return fresh_home(place)
