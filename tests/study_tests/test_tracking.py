from __future__ import annotations

import json
import socket
import sqlite3
import threading
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from study.engine.plan import RunPlan, StudyChanged
from study.engine.tracking import Tracking
from study.mlflow_ui.server import serving
from study.stores.connect import open_mlflow
from study.stores.home import Home
from study.stores.outages import retry_while_locked
from trainers.overrides import settings
from trainers.results import EpochResult

from ..processes import PATIENCE_SECONDS
from .store_rows import ablation, check_stores, fresh_home, mlflow_runs, run


def epoch(number: int, accuracy: float = 0.5) -> EpochResult:
    return EpochResult(number, 1.0, 0.4, 1.1, accuracy, 0.01, 0.001, 2.0, 50.0, finished_at=1000.0 + number)


def test_an_epoch_written_twice_is_one_point_at_its_own_time(tmp_path: Path) -> None:
    home, config = fresh_home(tmp_path), ablation({"a": "{}", "b": '{ "outer.lr" = 0.1 }'}, seeds=1)
    run(config, home)
    one = mlflow_runs(home, "arms")[0].info.run_id
    tracking, client = Tracking(open_mlflow(home), home, config, "x"), open_mlflow(home)
    plan = RunPlan(0, 1, "a", config.arms["a"][0], (), "cell")
    for _ in range(2):
        tracking.runs.log_epoch(one, epoch(9))
        tracking.runs.log_partial_result(one, plan, [epoch(9, 0.25), epoch(10)])
        tracking.runs.flush(one)
    points = [(p.step, p.timestamp) for p in client.get_metric_history(one, "train_loss") if p.step == 9]
    assert points == [(9, 1_009_000)]
    assert [p.value for p in client.get_metric_history(one, "best_epoch") if p.step == 10] == [10.0]


def test_epochs_in_quick_succession_are_written_together_and_at_the_latest_with_the_runs_end(tmp_path: Path) -> None:
    home, config = fresh_home(tmp_path), ablation({"a": "{}", "b": '{ "outer.lr" = 0.1 }'}, seeds=1)
    tracking, client = Tracking(open_mlflow(home), home, config, "x"), open_mlflow(home)
    one = client.create_run(tracking.experiment_id).info.run_id

    def written() -> list[int]:
        return [point.step for point in client.get_metric_history(one, "val_accuracy")]

    tracking.runs.log_epoch(one, epoch(1))
    tracking.runs.log_epoch(one, epoch(2))
    tracking.runs.log_epoch(one, epoch(3))
    assert written() == [1]
    tracking.runs.end(one, "interrupted")
    assert written() == [1, 2, 3]


def test_a_run_says_how_often_it_was_taken_up_again(tmp_path: Path) -> None:
    home, config = fresh_home(tmp_path), ablation({"a": "{}", "b": '{ "outer.lr" = 0.1 }'}, seeds=1)
    plan = RunPlan(0, 0, "a", config.arms["a"][0], (), "cell")
    found = []
    for _ in range(3):
        tracking = Tracking(open_mlflow(home), home, config, "x")
        tracking.start([])
        run_id, _ = tracking.runs.open(plan)
        tracking.runs.note_start(run_id, plan, "cpu", reused=False)
        found.append(open_mlflow(home).get_run(run_id).data.tags.get("resumed"))
        tracking.close(finished=False)
    tracking.runs.note_start(run_id, plan, "cpu", reused=False)  # its worker had died
    found.append(open_mlflow(home).get_run(run_id).data.tags.get("resumed"))
    assert found == [None, "1", "2", "3"]


def test_a_run_carries_all_settings_tags_and_files(tmp_path: Path) -> None:
    home, config = fresh_home(tmp_path), ablation({"a": "{}", "b": '{ "outer.lr" = 0.1 }'}, seeds=1)
    run(config, home)
    client = open_mlflow(home)
    one = mlflow_runs(home, "arms")[1]
    assert one.data.params == {path: str(value) for path, value in settings(config.arms["b"][0]).items()}
    wanted = {"study": "arms", "kind": "ablation", "role": "run", "arm": "b", "seed": "1", "trial": "0001"}
    wanted |= {"data": "glyphs", "device": "cpu", "mamlab.state": "complete", "mlflow.source.name": "mamlab"}
    assert wanted.items() <= one.data.tags.items()
    files = {file.path for file in client.list_artifacts(one.info.run_id)}
    assert files == {"config.json", "per_task.json", "schedules.json", "inner_rates.json", "inner_rates.svg"}
    assert one.data.metrics["work"] == config.compute(config.arms["b"][0]) == 1.0  # another rate costs nothing
    parent = client.get_run(one.data.tags["mlflow.parentRunId"])
    assert (parent.info.status, parent.data.tags["role"]) == ("FINISHED", "study")
    assert [file.path for file in client.list_artifacts(parent.info.run_id)] == ["spec.toml", "study_facts.json"]
    tags = client.get_experiment(one.info.experiment_id).tags
    view = json.loads(tags["mlflow.sharedViewState.arms"])
    assert view["name"] == "Arms, means over seeds"
    assert json.loads(view["state"])["orderByKey"] == "metrics.`test_accuracy`"
    assert "viewStateShareKey=arms" in tags["mlflow.note.content"]


def _read_until(over: threading.Event, file: Path, opened: threading.Event) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM sqlite_master").fetchone()
        opened.set()
        over.wait()


def test_readers_that_hold_a_transaction_do_not_stop_a_study(tmp_path: Path) -> None:
    home, config = fresh_home(tmp_path), ablation({"a": "{}", "b": '{ "outer.lr" = 0.1 }'}, seeds=2)
    readers, over = [], threading.Event()
    for file in (home.optuna_db, home.mlflow_db):
        opened = threading.Event()
        readers.append(threading.Thread(target=_read_until, args=(over, file, opened), daemon=True))
        readers[-1].start()
        assert opened.wait(PATIENCE_SECONDS)
    assert run(config, home).finished
    assert all(reader.is_alive() for reader in readers)
    over.set()
    for reader in readers:
        reader.join()
    assert check_stores(home, config, 4) == {"complete": 4}


def _poll(port: int, done: threading.Event, answers: list[int]) -> None:
    """Ask the UI's server for the runs again and again, as an open page does."""
    ask = json.dumps({"experiment_ids": ["0", "1"], "max_results": 100}).encode()
    address = f"http://127.0.0.1:{port}/api/2.0/mlflow/runs/search"
    over = False
    while not over:
        over = done.wait(0.05)  # and once more, then
        request = urllib.request.Request(address, ask, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as reply:
            answers.append(len(json.load(reply).get("runs", [])))


@pytest.mark.slow
def test_an_open_ui_does_not_stop_a_study_and_sees_its_runs(tmp_path: Path) -> None:
    home, config = fresh_home(tmp_path), ablation({"a": "{}", "b": '{ "outer.lr" = 0.1 }'}, seeds=2)
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    done, answers = threading.Event(), list[int]()
    with serving(home, port):
        page = threading.Thread(target=_poll, args=(port, done, answers))
        page.start()
        assert run(config, home).finished
        done.set()
        page.join()
    assert check_stores(home, config, 4) == {"complete": 4}
    assert len(answers) > 1
    assert answers[-1] == 5  # four runs and their parent


def test_both_stores_stay_in_wal_mode(tmp_path: Path) -> None:
    home = fresh_home(tmp_path)
    for file in (home.optuna_db, home.mlflow_db):
        with closing(sqlite3.connect(file)) as database:
            assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_locked_store_is_asked_again_and_other_errors_are_raised_at_once() -> None:
    answers: list[Any] = [sqlite3.OperationalError("database is locked")] * 3 + ["written"]

    def write() -> Any:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert retry_while_locked(write, pause=0.001) == "written"
    answers += [ValueError("no"), "never asked"]
    with pytest.raises(ValueError, match="no"):
        retry_while_locked(write, pause=0.001)


def test_home_is_absolute_and_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAMLAB_HOME", str(tmp_path / "there"))
    assert Home().optuna_url == f"sqlite:///{tmp_path}/there/optuna.db"
    monkeypatch.delenv("MAMLAB_HOME")
    assert Home().root == Path("runs").absolute()


def test_a_run_that_mlflow_has_with_other_settings_is_one_line_and_nothing_is_written(tmp_path: Path) -> None:
    home, config = fresh_home(tmp_path), ablation({"a": "{}", "b": '{ "outer.lr" = 0.1 }'}, seeds=1)
    client, (a, b) = open_mlflow(home), (config.arms[arm][0] for arm in "ab")
    first = Tracking(client, home, config, "x")
    first.start([])
    run_id, _ = first.runs.open(RunPlan(0, 1, "a", a, (), "cell"))
    first.runs.end(run_id, "interrupted")
    again = Tracking(client, home, config, "x")
    again.start([])
    before = client.get_run(run_id)
    told = (
        rf'study "arms", run "a" \({run_id}\): it is in MLflow with outer.lr = 0.001, but the spec now gives 0.1;'
        r" nothing was written"
    )
    with pytest.raises(StudyChanged, match=told):
        again.runs.open(RunPlan(0, 1, "a", b, (), "cell"))
    after = client.get_run(run_id)
    assert (after.info.status, after.data.to_dictionary()) == (before.info.status, before.data.to_dictionary())
    client.delete_run(run_id)  # the way out that the message names
    third = Tracking(client, home, config, "x")
    third.start([])
    anew, _ = third.runs.open(RunPlan(0, 1, "a", b, (), "cell"))
    assert client.get_run(anew).data.params["outer.lr"] == "0.1"


def test_a_run_whose_settings_mlflow_refuses_has_not_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, config = fresh_home(tmp_path), ablation({"a": "{}", "b": '{ "outer.lr" = 0.1 }'}, seeds=1)
    tracking, client = Tracking(open_mlflow(home), home, config, "x"), open_mlflow(home)
    tracking.start([])
    monkeypatch.setattr("mlflow.utils.validation.MAX_PARAM_VAL_LENGTH", 3)
    monkeypatch.setenv("MLFLOW_TRUNCATE_LONG_VALUES", "false")
    plan = RunPlan(0, 1, "a", config.arms["a"][0], (), "cell")
    with pytest.raises(Exception, match="exceeds the maximum length of 3 characters"):
        tracking.runs.open(plan)
    assert mlflow_runs(home, "arms")[0].data.tags["mamlab.state"] == "waiting"
    monkeypatch.undo()
    tracking.resync()
    run_id, _ = tracking.runs.open(plan)
    assert [one.info.run_id for one in mlflow_runs(home, "arms")] == [run_id]  # the same one, not a second
    assert client.get_run(run_id).data.tags["mamlab.state"] == "running"
