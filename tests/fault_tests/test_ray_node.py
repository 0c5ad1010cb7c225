"""A node of a real Ray cluster is killed with runs on it."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from study.executors.ray import ray_executor
from study.sections import ExecutionSection
from study.snapshot import Snapshot
from tests.study_tests.drivers import EPOCH_SECONDS
from tests.study_tests.ray_cluster import kill_second_node, two_nodes

from .cases import arms, calm, new_home, real
from .invariants import check_invariants

pytestmark = pytest.mark.faults


@pytest.fixture
def cluster() -> Iterator[Any]:
    pytest.importorskip("ray", reason='pip install "mamlab[ray]"')
    calm(arms), calm(real)
    os.environ["STAND_IN_SECONDS"] = str(EPOCH_SECONDS)  # nodes hand it on to their workers
    try:
        with two_nodes() as nodes:
            yield nodes
    finally:
        del os.environ["STAND_IN_SECONDS"]


@pytest.mark.parametrize("number", range(5))
def test_a_killed_node_costs_nothing(number: int, cluster: Any, tmp_path: Path, moments: random.Random) -> None:
    make = (arms, real)[number % 2]
    case, home = make(), new_home(tmp_path, "home")
    workers = ray_executor(ExecutionSection(executor="ray", workers=2), home.logs)
    timers: list[threading.Timer] = []

    def kill(snapshot: Snapshot) -> None:
        if len(snapshot.running) == 2 and not timers and all(row.epoch for row in snapshot.running):
            timers.append(threading.Timer(moments.uniform(0, 0.3), kill_second_node, [cluster]))
            timers[0].start()

    last = case.run(home, kill, workers)
    timers[0].join()
    workers.close()
    assert last.finished
    check_invariants(home, case.config, calm(make))
