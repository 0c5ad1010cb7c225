"""Do the two stores of a study agree, with each other and with the plan?"""

from __future__ import annotations

import atexit
import shutil
import sqlite3
import tempfile
from collections import Counter
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from reports import records
from study.engine.driver import run_study
from study.engine.mlflow_runs import STATUS
from study.engine.progress import StudyProgress
from study.spec.config import StudyConfig
from study.spec.parsing import parse_spec
from study.stores.connect import open_mlflow, open_optuna
from study.stores.home import Home
from study.stores.urls import VARIABLES
from study.workers.executors import Executor, LocalExecutor

TRAINER = "tests.study_tests.stand_in:train"
LOADER = "tests.study_tests.stand_in:load"
OPTUNA = {"complete": "COMPLETE", "pruned": "PRUNED", "interrupted": "WAITING"}

SEARCH = """
[study]
name = "hunt"
seed = 3
[data]
source = "glyphs"
[trainer]
budget = {{ epochs = 4, iterations = 1 }}
[space]
"outer.lr" = {{ low = 1e-4, high = 1e-1, log = true }}
"inner.steps" = {{ low = 2, high = 5 }}
[sampler]
name = "tpe"
[pruner]
name = "median"
n_startup_trials = 3
n_warmup_steps = 1
[budget]
trials = {trials}
[execution]
workers = {workers}
"""

ABLATION = """
[study]
name = "{name}"
seed = 1
[data]
source = "glyphs"
[trainer]
budget = {{ epochs = 3, iterations = 1 }}
[ablation]
design = "arms"
seeds = {seeds}
[execution]
workers = {workers}
retries = {retries}
"""


def search(trials: int = 12, workers: int = 2) -> StudyConfig:
    """Return a search of four-epoch trials."""
    return parse_spec(SEARCH.format(trials=trials, workers=workers))


def ablation(
    arms: dict[str, str], seeds: int = 2, *, name: str = "arms", workers: int = 2, retries: int = 2
) -> StudyConfig:
    """Return an ablation of arms given as TOML tables."""
    text = ABLATION.format(name=name, seeds=seeds, workers=workers, retries=retries)
    for arm, overrides in arms.items():
        text += f'[[ablation.arms]]\nname = "{arm}"\nset = {overrides}\n'
    return parse_spec(text)


@cache
def _template() -> Path:
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    with pytest.MonkeyPatch.context() as files:
        for variable in VARIABLES.values():
            files.delenv(variable, raising=False)
        open_optuna(Home(folder)).remove_session()
        open_mlflow(Home(folder))
    for store in ("optuna.db", "mlflow.db"):
        with closing(sqlite3.connect(folder / store)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return folder


def fresh_home(folder: Path) -> Home:
    """Return a home with empty stores; making their tables takes seconds, so they are copied."""
    for store in ("optuna.db", "mlflow.db"):
        shutil.copy(_template() / store, folder / store)
    return Home(folder)


def local_workers(slots: int) -> LocalExecutor:
    """Return an executor with so many slots, whose workers serve all tests of a session: starting one takes seconds."""
    executor = _workers()
    executor.slots = slots
    return executor


@cache
def _workers() -> LocalExecutor:
    executor = LocalExecutor(1, 1, _template() / "logs")
    atexit.register(executor.close)
    return executor


def run(
    config: StudyConfig,
    home: Home,
    show: Any = lambda progress: None,
    executor: Executor | None = None,
    trainer: str = TRAINER,
) -> StudyProgress:
    """Run a study with the stand-in, on workers that stay for the next call."""
    assert config.execution.workers != "auto"
    workers = executor or local_workers(config.execution.workers)
    return run_study(config, home, show, trainer=trainer, loader=LOADER, executor=workers)


def optuna_trials(home: Home, name: str) -> list[Any]:
    """Return all trials of a study, by number."""
    storage = open_optuna(home)
    trials = storage.get_all_trials(storage.get_study_id_from_name(name))
    storage.remove_session()
    return trials


def superseded(home: Home, name: str) -> set[int]:
    """Return the numbers of the trials of a study that others replace."""
    storage = open_optuna(home)
    numbers = storage.get_study_user_attrs(storage.get_study_id_from_name(name)).get("mamlab.superseded", ())
    storage.remove_session()
    return set(numbers)


def outcome(trial: Any) -> tuple[Any, ...]:
    """Return what must not depend on interruptions of a trial: parameters, end, value, curve, verdict, what the pruner
    noted.
    """
    verdict = trial.user_attrs.get("mamlab.verdict")
    return trial.params, trial.state.name, trial.value, trial.intermediate_values, verdict, trial.system_attrs


def outcomes(home: Home, name: str) -> list[tuple[Any, ...]]:
    """Return each trial's outcome."""
    return [outcome(trial) for trial in optuna_trials(home, name)]


def mlflow_runs(home: Home, name: str) -> list[Any]:
    """Return the runs of a study but its parent's."""
    client = open_mlflow(home)
    experiment = client.get_experiment_by_name(name).experiment_id
    runs = client.search_runs([experiment], f"tags.{records.TAG_ROLE} = '{records.ROLE_RUN}'", max_results=5000)
    return sorted(runs, key=lambda one: (one.data.tags["trial"], int(one.data.tags["seed"])))


def check_stores(home: Home, config: StudyConfig, trials: int) -> Counter[str]:
    """Assert that both stores hold exactly `trials` ended trials, the same in each; return the states."""
    replaced = superseded(home, config.study.name)
    everyone = {trial.number: trial for trial in optuna_trials(home, config.study.name)}
    assert sorted(everyone) == list(range(trials + len(replaced)))
    by_number = {number: trial for number, trial in everyone.items() if number not in replaced}
    runs = mlflow_runs(home, config.study.name)
    keys = [(int(one.data.tags["trial"]), int(one.data.tags["seed"])) for one in runs]
    assert len(keys) == len(set(keys)), "a run was doubled"
    assert {number for number, _ in keys} == set(by_number)
    client = open_mlflow(home)
    for one in runs:
        state = one.data.tags[records.TAG_STATE]
        assert one.info.status == STATUS[state]
        trial = by_number[int(one.data.tags["trial"])]
        if len(config.seeds) == 1 or config.kind == "ablation":
            assert trial.state.name == OPTUNA.get(state, "FAIL"), (trial.number, state)
            assert trial.user_attrs["mamlab.state"] == state
        for metric in one.data.metrics.keys() & {*records.EPOCH_METRICS, *records.FINAL_METRICS}:
            steps = [point.step for point in client.get_metric_history(one.info.run_id, metric)]
            assert len(steps) == len(set(steps)), f"{metric} was written twice"
        if state in ("complete", "pruned"):
            epochs = int(one.data.metrics["epochs_run"])
            steps = [point.step for point in client.get_metric_history(one.info.run_id, "val_accuracy")]
            assert sorted(steps) == list(range(1, epochs + 1))
        if config.kind == "search" and len(config.seeds) == 1:
            assert len(trial.intermediate_values) == len(client.get_metric_history(one.info.run_id, "val_accuracy"))
    return Counter(one.data.tags[records.TAG_STATE] for one in runs)
