"""Drivers killed and stopped at chosen moments; tests/fault_tests has the random ones."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from search_spaces import SearchSpace
from study.engine.progress import StudyProgress
from study.engine.status import read_study
from study.engine.trials import Trials
from study.spec.config import StudyConfig
from study.spec.parsing import parse_spec
from study.stores.connect import open_optuna
from study.stores.home import Home
from study.workers.executors import LocalExecutor

from .drivers import EPOCH_SECONDS, start, wait_for_new_epochs
from .store_rows import LOADER, TRAINER, check_stores, fresh_home, mlflow_runs, optuna_trials, outcomes, run, search

HALVING = search(trials=10, workers=1).spec_text.replace(
    'name = "median"\nn_startup_trials = 3\nn_warmup_steps = 1',
    'name = "successive_halving"\nmin_resource = 1\nreduction_factor = 2',
)
KILLER = """
import os, signal, sys
from study.stores.optuna_storage import SoleWriter
original, calls = SoleWriter.{method}, []
def killing(self, trial, key, *value):
    if {key!r} in ("", key):
        calls.append(key)
    {before}
    original(self, trial, key, *value)
    {after}
SoleWriter.{method} = killing
sys.argv[1:] = [{home!r}, {spec!r}, {trainer!r}, {loader!r}]
import runpy
runpy.run_module("tests.study_tests.drivers", run_name="__main__")
"""
KILL = "len(calls) == 4 and os.kill(os.getpid(), signal.SIGKILL)"


@pytest.mark.parametrize(
    ("method", "key", "when"),
    [
        *(
            pytest.param(*moment, marks=pytest.mark.slow)
            for moment in [
                ("set_trial_user_attr", "mamlab.verdict", "before"),
                ("set_trial_system_attr", "", "after"),
                ("set_trial_user_attr", "mamlab.verdict", "after"),
                ("set_trial_system_attr", "", "before"),
                ("set_trial_intermediate_value", "", "before"),
                ("set_trial_intermediate_value", "", "after"),
            ]
        ),
    ],
)
def test_a_driver_killed_between_a_pruner_s_verdict_and_what_it_remembers_judges_the_same_again(
    tmp_path: Path, method: str, key: str, when: str
) -> None:
    """Successive halving asked twice would answer otherwise: it remembers which rungs a trial has passed."""
    config = parse_spec(HALVING)
    places = {name: tmp_path / name for name in ("calm", "rough")}
    for place in places.values():
        place.mkdir()
    calm, rough = (fresh_home(place) for place in places.values())
    run(config, calm)
    spec = tmp_path / "spec.toml"
    spec.write_text(config.spec_text)
    commands = {"before": "pass", "after": "pass"} | {when: KILL}
    code = KILLER.format(
        method=method, key=key, home=str(rough.root), spec=str(spec), trainer=TRAINER, loader=LOADER, **commands
    )
    killed = subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert run(config, rough).finished
    assert outcomes(rough, "hunt") == outcomes(calm, "hunt")
    assert check_stores(rough, config, 10) == check_stores(calm, config, 10)
    assert "PRUNED" in {trial.state.name for trial in optuna_trials(calm, "hunt")}


def test_status_says_that_a_study_whose_driver_was_killed_does_not_run(tmp_path: Path) -> None:
    home, config = fresh_home(tmp_path), search(trials=8, workers=1)
    driver = start(config, home)
    try:
        wait_for_new_epochs(home, 3, driver)
        live = read_study(home, "hunt")
        while driver.poll() is None and "running" not in live.counts:  # between two trials nothing runs
            live = read_study(home, "hunt")
    finally:
        driver.kill()
        driver.communicate()
    assert f"process {driver.pid}, since" in live.driver
    assert live.counts["running"] == 1
    dead = read_study(home, "hunt")
    assert dead.driver == ""
    assert "running" not in dead.counts


class DyingSpace(SearchSpace):
    """Is interrupted in its second trial, after one parameter."""

    def suggest(self, trial: Any, base: Any) -> Any:
        if trial.number:
            first = next(iter(self.dimensions))
            self.dimensions[first].suggest(trial, first)
            raise KeyboardInterrupt
        return super().suggest(trial, base)


@pytest.mark.parametrize("sampler", ["tpe", "qmc"])
def test_a_driver_killed_while_it_draws_parameters_draws_the_same_again(tmp_path: Path, sampler: str) -> None:
    config = parse_spec(search(trials=3, workers=1).spec_text.replace('"tpe"', f'"{sampler}"'))

    assert config.space is not None
    dying = replace(config, space=DyingSpace(config.space.dimensions, fixed=config.space.fixed))

    def after_one_trial(place: Path, config: StudyConfig) -> Trials:
        place.mkdir()
        trials = Trials(open_optuna(fresh_home(place)), config, "checksum")
        trials.end(trials.next()[0], "complete", 0.5)
        return trials

    whole, broken = after_one_trial(tmp_path / "whole", config), after_one_trial(tmp_path / "half", dying)
    calm = [whole.next()[0].params for _ in range(2)]
    with pytest.raises(KeyboardInterrupt):
        broken.next()
    again = Trials(open_optuna(Home(tmp_path / "half")), config, "checksum")
    assert [again.next()[0].params for _ in range(2)] == calm
    assert len({tuple(params.items()) for params in calm}) == 2


def test_ctrl_c_leaves_waiting_trials_and_the_same_call_goes_on(tmp_path: Path, monkeypatch: Any) -> None:
    home, config = fresh_home(tmp_path), search(trials=8)
    monkeypatch.setenv("STAND_IN_SECONDS", str(EPOCH_SECONDS))
    workers = LocalExecutor(2, 1, home.logs)

    def press(progress: StudyProgress) -> None:
        if sum(row.epoch for row in progress.running) >= 2 and not pressed:
            pressed.append(os.getpid())
            threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()

    pressed: list[int] = []
    handler = signal.getsignal(signal.SIGINT)
    last = run(config, home, press, workers)
    workers.close()
    assert signal.getsignal(signal.SIGINT) is handler
    assert last.interrupted
    assert not last.finished
    states = [trial.state.name for trial in optuna_trials(home, "hunt")]
    assert "WAITING" in states
    assert "RUNNING" not in states
    assert {one.info.status for one in mlflow_runs(home, "hunt")} <= {"FINISHED", "SCHEDULED"}
    assert run(config, home).finished
    assert check_stores(home, config, 8).total() == 8
