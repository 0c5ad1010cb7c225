"""A node of a real Ray cluster is killed with runs on it."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from study.engine.progress import StudyProgress
from study.spec.parsing import parse_spec
from study.spec.sections import ExecutionSection
from study.stores.home import Home
from study.workers.executors.ray import ray_executor
from tests.study_tests.ray_cluster import add_node, kill_second_node, two_nodes

from .cases import Case, arms, calm, new_home, real
from .invariants import check_invariants

pytestmark = pytest.mark.faults
EPOCH_SECONDS = 0.5
"""Of the stand-in: long enough that a node dies under a run, and not between two."""


def long() -> Case:
    """The real trainer, with epochs that take about as long."""
    text = real().config.spec_text
    assert "iterations = 4" in text
    return replace(real(), config=parse_spec(text.replace("iterations = 4", "iterations = 40")))


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    pytest.importorskip("ray", reason='pip install "mamlab[ray]"')
    calm(arms), calm(long)
    monkeypatch.setenv("STAND_IN_SECONDS", str(EPOCH_SECONDS))  # nodes hand it on to their workers
    with two_nodes() as nodes:
        yield nodes


def under_a_killed_node(case: Case, home: Home, cluster: Any, moment: float) -> bool:
    """Run the study, kill a node `moment` seconds after both runs have an epoch; return whether a run was on it."""
    workers = ray_executor(ExecutionSection(executor="ray", workers=2), home)
    timers, told = list[threading.Timer](), set[str]()

    def kill(progress: StudyProgress) -> None:
        told.update(progress.messages)
        if len(progress.running) == 2 and not timers and all(row.epoch for row in progress.running):
            timers.append(threading.Timer(moment, kill_second_node, [cluster]))
            timers[0].start()

    last = case.run(home, kill, workers)
    for timer in timers:
        timer.join()
    workers.close()
    assert last.finished
    return any("resumes from its checkpoint" in message for message in told)


@pytest.mark.parametrize("number", range(5))
def test_a_killed_node_costs_nothing(number: int, cluster: Any, tmp_path: Path, moments: random.Random) -> None:
    make = (arms, long)[number % 2]
    for study in range(5):
        home = new_home(tmp_path, study)
        lost = under_a_killed_node(make(), home, cluster, moments.uniform(0, 0.3))
        check_invariants(home, make().config, calm(make))
        if lost:
            return
        if not cluster.worker_nodes:  # it was killed between two runs
            add_node(cluster)
    pytest.fail("five studies, and no run was on the node that was killed")
