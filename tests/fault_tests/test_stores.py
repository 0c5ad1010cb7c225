"""A store's server is stopped for 20 seconds in the middle of a study; a worker hangs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from study.engine.progress import StudyProgress
from study.spec.parsing import parse_spec
from study.stores.connect import open_mlflow, open_optuna
from study.stores.home import Home
from study.workers.executors import LocalExecutor
from tests.study_tests.servers import mlflow_server, postgres

from .cases import Case, arms, calm, new_home
from .invariants import check_invariants, results

pytestmark = pytest.mark.faults
AWAY_SECONDS = 20.0


def through_an_outage(server: Any, home: Home) -> list[StudyProgress]:
    """Run the arms while `server` is away for 20 seconds; return what was shown."""
    timers: list[threading.Timer] = []
    seen: list[StudyProgress] = []

    def stop(progress: StudyProgress) -> None:
        seen.append(progress)
        if not timers and any(row.epoch for row in progress.running):
            server.stop()
            timers.append(threading.Timer(AWAY_SECONDS, server.start))
            timers[0].start()

    workers = LocalExecutor(2, 1, home.logs)
    last = arms().run(home, stop, workers)
    timers[0].join()
    workers.close()
    assert last.finished
    assert any(progress.away for progress in seen)
    return seen


@pytest.fixture
def undisturbed(monkeypatch: pytest.MonkeyPatch) -> None:
    calm(arms)
    monkeypatch.setenv("STAND_IN_SECONDS", "0.3")


@pytest.fixture(scope="module")
def database() -> Iterator[Any]:
    with postgres() as server:
        yield server


@pytest.mark.parametrize("number", range(3))
def test_postgresql_away_for_20_seconds(
    number: int, database: Any, undisturbed: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for store in ("optuna", "mlflow"):
        monkeypatch.setenv(f"MAMLAB_{store.upper()}_URL", database.database(f"{store}{number}"))
    home = Home(tmp_path)
    open_optuna(home), open_mlflow(home)
    through_an_outage(database, home)
    check_invariants(home, arms().config, calm(arms))


@pytest.mark.parametrize("number", range(3))
def test_the_mlflow_server_away_for_20_seconds(
    number: int, undisturbed: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = new_home(tmp_path, "home")
    with mlflow_server(tmp_path) as server:
        monkeypatch.setenv("MAMLAB_MLFLOW_URL", server.url)
        through_an_outage(server, home)
        check_invariants(home, arms().config, calm(arms))


def hanging() -> Case:
    """The arms, and one whose worker says nothing in epoch 2."""
    text = arms(retries=1, extra="timeout = 45.0").config.spec_text  # a worker starts in it, on a busy machine too
    return Case(parse_spec(text + '[[ablation.arms]]\nname = "hangs"\nset = { "outer.beta1" = 0.87 }\n'), 10)


@pytest.mark.parametrize("number", range(3))
def test_a_worker_that_hangs_is_killed_and_the_others_go_on(number: int, tmp_path: Path) -> None:
    case, home = hanging(), new_home(tmp_path, "home")
    workers = LocalExecutor(2, 1, home.logs)
    last = case.run(home, executor=workers)
    workers.close()
    assert last.counts == {"complete": 8, "failed": 2}
    ends = results(home, case.config)
    check_invariants(home, case.config, calm(arms) | {key: end for key, end in ends.items() if end[0] == "failed"})
