"""Workers and drivers killed, and drivers stopped, at random moments."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from study.engine.progress import StudyProgress
from study.workers.executors import LocalExecutor
from study.workers.executors.local import WorkersError
from tests.study_tests.drivers import EPOCH_SECONDS, STOPPED, ended, wait_for_new_epochs

from .cases import Case, arms, calm, hunt, known, looked, new_home, real
from .invariants import check_invariants, results

A_STUDY = 5
"""Faults done to one study before it is let through."""


class Killer:
    """Kills each worker process at a random moment of its life, at most so many in all."""

    def __init__(self, workers: LocalExecutor, moments: random.Random, most: int) -> None:
        self._workers, self._moments, self._left = workers, moments, most
        self._doomed: dict[int, threading.Timer] = {}
        self.killed = 0

    def __call__(self, progress: StudyProgress) -> None:
        for pid in self._workers.pids.values():
            if pid not in self._doomed and self._left:
                self._left -= 1
                self._doomed[pid] = threading.Timer(self._moments.uniform(0, 6), self._kill, [pid])
                self._doomed[pid].start()

    def _kill(self, pid: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            self.killed += 1

    def rest(self) -> None:
        for timer in self._doomed.values():
            timer.cancel()
            timer.join()


@pytest.mark.parametrize("kills", [pytest.param(50, marks=pytest.mark.faults)])
def test_killed_workers_cost_nothing(
    kills: int, tmp_path: Path, moments: random.Random, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = [calm(arms), calm(real)]
    monkeypatch.setenv("STAND_IN_SECONDS", str(2 * EPOCH_SECONDS))
    done = studies = 0
    while done < kills:
        case, numbers = [(arms(), undisturbed[0]), (real(), undisturbed[1])][studies % 2]
        home = new_home(tmp_path, studies)
        workers = LocalExecutor(2, 1, home.logs)
        killer = Killer(workers, moments, min(A_STUDY, kills - done))
        finished = False
        while not finished:
            with suppress(WorkersError):  # three workers in a row were killed before their first word
                finished = case.run(home, killer, workers).finished
        killer.rest()
        workers.close()
        check_invariants(home, case.config, numbers)
        done, studies = done + killer.killed, studies + 1
        print(f"{done} workers killed in {studies} studies")


@pytest.mark.parametrize(
    ("kills", "cases"),
    [
        (1, (hunt,)),
        pytest.param(25, (hunt, real), marks=pytest.mark.faults),
        pytest.param(10, (looked,), marks=pytest.mark.faults),
        pytest.param(10, (known,), marks=pytest.mark.faults),
    ],
)
def test_a_killed_driver_started_again_at_once_ends_as_if_nothing_had_been(
    kills: int, cases: tuple[Callable[[], Case], ...], tmp_path: Path, moments: random.Random
) -> None:
    done = studies = 0
    while done < kills:
        make = cases[studies % len(cases)]
        case, home, before = make(), new_home(tmp_path, studies), {}
        for _ in range(min(A_STUDY, kills - done)):
            driver = case.start(home)
            if moments.random() < 0.2:  # while it starts
                time.sleep(moments.uniform(0, 4))
            elif wait_for_new_epochs(home, moments.randint(1, 5), driver):
                time.sleep(moments.uniform(0, 0.3))
            died = driver.poll() is None
            driver.kill()
            ended(driver)
            done += died
        if done:
            with suppress(AttributeError, KeyError):  # killed before there was a study
                before = results(home, case.config)
        assert case.run(home).finished  # orphaned workers may still hold their cells
        check_invariants(home, case.config, calm(make), before=before)
        studies += 1
        print(f"{done} drivers killed in {studies} studies")


@pytest.mark.faults
@pytest.mark.parametrize(
    ("stop", "times"),
    [(stop, 5) for stop in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)],
)
def test_a_stopped_driver_leaves_clean_books_and_goes_on(
    stop: signal.Signals, times: int, tmp_path: Path, moments: random.Random
) -> None:
    done = studies = 0
    while done < times:
        make = (hunt, real)[studies % 2]
        case, home = make(), new_home(tmp_path, studies)
        studies += 1
        driver = case.start(home)
        if wait_for_new_epochs(home, moments.randint(1, 3), driver):
            time.sleep(moments.uniform(0, 0.2))
        with suppress(ProcessLookupError):
            if stop == signal.SIGTERM:
                driver.terminate()
            else:  # a terminal tells the whole group
                os.killpg(driver.pid, stop)
        status, errors = ended(driver)
        if status in (0, -stop):  # it was through before the signal came
            check_invariants(home, case.config, calm(make))
            continue
        assert status == STOPPED, errors
        done += 1
        check_invariants(home, case.config, calm(make), whole=False)
        before = results(home, case.config)
        assert case.run(home).finished
        check_invariants(home, case.config, calm(make), before=before)
        print(f"{done} drivers stopped by {stop.name} in {studies} studies")
